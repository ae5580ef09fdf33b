# A command's man page, of its --help. "Usage: ..." and the indented lines after it are the synopsis, a line without indent that
# ends in a colon is a heading, an indented line that starts with "-" an option with its text after two blanks (or on deeper
# lines after it), everything else text. Variables: name ("selfsup", or "selfsup-" and the command), version, commands. Behind
# roff.awk.
function heading(text) {
  print ".SH " toupper(text)
  headed = toupper(text)
}
{ lines[++count] = $0 }
END {
  printf ".TH %s 1 \"\" \"selfsup %s\" \"selfsup\"\n", toupper(name), version
  summary = "self\\-supervised visual learning"
  for (i = 1; i <= count && name != "selfsup"; i++) {
    if (lines[i] ~ /^[A-Za-z]/ && lines[i] !~ /^[Uu]sage:/ && lines[i] !~ /:$/) {
      summary = escape(lines[i])
      sub(/\.$/, "", summary)
      break
    }
  }
  print ".SH NAME\n" escape(name) " \\- " summary
  state = "text"
  for (i = 1; i <= count; i++) {
    line = lines[i]
    indent = match(line, /[^ ]/) - 1
    if (line ~ /^[Uu]sage:/) {
      heading("synopsis")
      sub(/^[Uu]sage: */, "", line)
      if (line != "") { print ".B " escape(line) }
      state = "usage"
    } else if (line ~ /^ *$/) {
      if (state == "usage") { heading("description"); state = "text" }
      else if (state == "option") { state = "text"; blank = 1 }
      else { blank = 1 }
    } else if (indent == 0 && line ~ /:$/) {
      sub(/:$/, "", line)
      heading(escape(line))
      state = "text"; blank = 0
    } else if (state == "usage" && indent > 0) {
      print ".br\n.B " escape(trim(line))
    } else if (indent > 0 && trim(line) ~ /^-/) {
      if (headed == "DESCRIPTION") { heading("options"); unnamed = 1 } # help that does not head its options
      text = trim(line)
      at = match(text, /  +/)
      print ".TP"
      print ".B " escape(at ? substr(text, 1, at - 1) : text)
      if (at) { print escape(trim(substr(text, at))) }
      state = "option"; option_indent = indent; blank = 0
    } else if (state == "option" && indent > option_indent) {
      print escape(trim(line))
    } else if (unnamed && blank && indent == 0) {
      heading("notes")
      print escape(line)
      unnamed = 0; blank = 0; state = "text"
    } else if (indent > 0) {
      if (blank) { print ".PP"; blank = 0 }
      print ".nf\n" escape(line) "\n.fi"
      state = "text"
    } else {
      if (state == "usage") { heading("description") }
      if (blank) { print ".PP"; blank = 0 }
      print escape(line)
      state = "text"
    }
  }
  if (name == "selfsup") {
    heading("see also")
    n = split(commands, all, " ")
    for (i = 1; i <= n; i++) { print ".BR selfsup\\-" escape(all[i]) " (1)," }
    print ".BR selfsup\\-METHOD (7)"
  } else {
    heading("see also")
    print ".BR selfsup (1)"
  }
}
