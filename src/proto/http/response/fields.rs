//! The fields of a response's head, parsed as the original parses them.
//!
//! The original is much more lenient than the grammar of RFC 9112 section 5: it accepts any name
//! without a space, any byte in a value, folded lines, and lines that are no fields. A stricter
//! parser would fail handshakes that the original completes.

/// Whether a line (with its LF) is blank; `None` if it has a CR elsewhere than before the LF.
pub(super) fn is_blank(line: &[u8]) -> Option<bool> {
    let line = without_end(line);
    // RFC 9112 section 2.2: "A recipient of such a bare CR MUST consider that element to be invalid
    // or replace each bare CR with SP before processing the element or forwarding the message."
    if line.iter().any(|byte| byte & 0x7f == b'\r') { None } else { Some(line.is_empty()) }
}

/// A line (with its LF) as text; `None` if it has a CR elsewhere than before the LF. As in the
/// original, the top bit of every byte is cleared.
pub(super) fn text_of_line(line: &[u8]) -> Option<String> {
    is_blank(line)?;
    Some(without_end(line).iter().map(|byte| char::from(byte & 0x7f)).collect())
}

/// The fields in the lines of a head after the first, up to the blank line, each of which has
/// passed [`is_blank`]. Names in lower case; repeated fields are not joined.
pub(super) fn parse(section: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in section.split_inclusive(|byte| *byte == b'\n') {
        let line = text_of_line(line).unwrap_or_default();
        if let Some((name, value)) = field(&line) {
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        } else if let (Some(more), Some((_, value))) = (continuation(&line), fields.last_mut()) {
            // RFC 9112 section 5.2: a recipient "MUST replace each received obs-fold with one or
            // more SP octets prior to interpreting the field value".
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(more);
        }
    }
    fields
}

/// A line without its end. The CR may have its top bit set, which is cleared like any other.
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

/// A value without the spaces and tabs around it. An LF in it (0x8A without its top bit) ends it.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches([' ', '\t']);
    match value.find('\n') {
        Some(end) => value.get(..=end).unwrap_or(value),
        None => value.trim_end_matches([' ', '\t']),
    }
}
