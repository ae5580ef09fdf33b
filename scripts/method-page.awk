# A method's man page, of what `selfsup methods NAME` prints: "NAME: summary", the paper, "Options" and "Recipes" with an indented
# entry a line (two blanks before the text), and lines "Heading: text" that go on indented. Variables: version. Behind
# roff.awk.
function head(text) { print ".SH " toupper(text) }

NR == 1 {
  name = substr($0, 1, index($0, ":") - 1)
  summary = trim(substr($0, index($0, ":") + 1))
  part = "summary"
  next
}
part == "summary" && /^ / { summary = summary " " trim($0); next }
part == "summary" {
  printf ".TH SELFSUP-%s 7 \"\" \"selfsup %s\" \"selfsup\"\n", toupper(name), version
  head("name")
  print "selfsup\\-" escape(name) " \\- " escape(summary)
  head("synopsis")
  print ".B selfsup pretrain " escape(name) "\n.I DATA\n.RB [ \\-\\-set\n.IR key = value ]..."
  head("paper")
  part = "paper"
  next
}
/^$/ { next }
/^[A-Z].*\(--set key=value\):$/ {
  head("options")
  print "Given as\n.B \\-\\-set\n.IR key = value ;\nafter each key its default."
  part = "options"
  next
}
/^[A-Z].*\(--set recipe=NAME\):$/ {
  head("recipes")
  print "Given as\n.B \\-\\-set recipe=\\fINAME\\fR;\nwhat is given beside it counts."
  part = "recipes"
  next
}
/^[A-Z]/ { # "Heading: text"
  head(escape(substr($0, 1, index($0, ":") - 1)))
  print escape(trim(substr($0, index($0, ":") + 1)))
  part = "text"
  next
}
part == "options" {
  key = $1
  standard = $2
  text = trim($0)
  sub(/^[^ ]+ +[^ ]+ +/, "", text)
  print ".TP\n.B " escape(key) (standard == "-" ? "" : " \\fR(" escape(standard) ")") "\n" escape(text)
  next
}
part == "recipes" && /^  [^ ]/ {
  text = trim($0)
  recipe = $1
  sub(/^[^ ]+ +/, "", text)
  print ".TP\n.B " escape(recipe) "\n" escape(text)
  next
}
part == "recipes" { print ".br\n" escape(trim($0)); next }
part == "paper" { print escape(trim($0)) "\n.br"; next }
{ print escape(trim($0)) }
END {
  head("see also")
  print ".BR selfsup\\-pretrain (1),\n.BR selfsup\\-methods (1),\n.BR selfsup (1)"
}
