//! Texts of diagnostics: full like rustc's, or one line each.

use super::diagnostic::Diagnostics;

/// Like rustc's, with the lines of `text`; colours if `colour`.
pub fn full(_diagnostics: &Diagnostics, _text: &str, _colour: bool) -> String {
    todo!()
}

/// `routes.toml:14:10: error[weight-range]: …` a line.
pub fn lines(_diagnostics: &Diagnostics) -> String {
    todo!()
}
