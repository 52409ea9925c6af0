//! A limit of utilisation on the command line.

/// Reads a utilisation above 0: `0.8`, `80%`.
pub(crate) fn parse(text: &str) -> Result<f64, String> {
    let expected = "expected a utilisation above 0, such as 0.8 or 80%";
    share(text).filter(|u| *u > 0.0).ok_or_else(|| expected.to_owned())
}

/// A finite number, or so many per cent.
pub(super) fn share(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    number.trim().parse::<f64>().ok().map(|x| x / unit).filter(|x| x.is_finite())
}
