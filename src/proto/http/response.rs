//! The head of a response.

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code, 0 as long as there is no response.
    pub status: u16,
    /// Names in lower case, repeated fields joined with `, `.
    pub headers: Vec<(String, String)>,
}

impl Response {
    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(own, _)| own == name)?;
        Some(&field.1)
    }

    /// The value of a header, empty when it is missing.
    pub(crate) fn header_or_empty(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
    }
}
