//! Reading fields as the original does, which takes nearly anything: any name without a space, any
//! byte in a value, folded lines, lines that are no field at all.

/// Whether a line (with its LF) is blank; `None` if it has a CR elsewhere than before the LF.
pub(super) fn is_blank(line: &[u8]) -> Option<bool> {
    let line = without_end(line);
    if line.iter().any(|byte| byte & 0x7f == b'\r') { None } else { Some(line.is_empty()) }
}

/// A line (with its LF) as text; `None` if it has a CR elsewhere than before the LF.
pub(super) fn text_of_line(line: &[u8]) -> Option<String> {
    is_blank(line)?;
    Some(without_end(line).iter().map(|byte| char::from(byte & 0x7f)).collect())
}

/// The fields of a section, its blank line included; every line was taken by [`is_blank`]. Names
/// come in lower case.
pub(super) fn fields(section: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in section.split_inclusive(|byte| *byte == b'\n') {
        let line = text_of_line(line).unwrap_or_default();
        if let Some((name, value)) = field(&line) {
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        } else if let (Some(more), Some((_, value))) = (continuation(&line), fields.last_mut()) {
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(more);
        }
    }
    fields
}

/// A line without its end. The CR may have its top bit set, which goes like any other.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match line {
        [rest @ .., b'\r' | 0x8d] => rest,
        _ => line,
    }
}

fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let named = !name.is_empty() && !name.contains([' ', '\t']);
    named.then(|| (name, trim(value)))
}

fn continuation(line: &str) -> Option<&str> {
    let more = trim(line);
    (line.starts_with([' ', '\t']) && !more.is_empty()).then_some(more)
}

/// A value without the blanks around it. An LF in it (0x8A without its top bit) ends it.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches([' ', '\t']);
    match value.find('\n') {
        Some(end) => &value[..=end],
        None => value.trim_end_matches([' ', '\t']),
    }
}
