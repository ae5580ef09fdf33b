# What the makers of man pages share.
function escape(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  sub(/^[.\047]/, "\\\\\\&&", text)
  return text
}
function trim(text) {
  gsub(/^ +| +$/, "", text)
  return text
}
