//! Wide CSV out: `bin` and a column for each series.

use super::meta::Meta;

/// Scores, empty where there is no opinion.
pub(crate) fn scores(meta: &Meta, scores: &[Vec<f64>]) -> Vec<u8> {
    wide(meta, |text, series, bin| {
        let score = scores[series][bin];
        if !score.is_nan() {
            text.push_str(&round(score).to_string());
        }
    })
}

/// Flags, 0 or 1.
pub(crate) fn flags(meta: &Meta, flags: &[Vec<bool>]) -> Vec<u8> {
    wide(meta, |text, series, bin| text.push(if flags[series][bin] { '1' } else { '0' }))
}

fn wide(meta: &Meta, cell: impl Fn(&mut String, usize, usize)) -> Vec<u8> {
    let mut header = csv::Writer::from_writer(Vec::new());
    header
        .write_record(std::iter::once("bin").chain(meta.series.iter().map(String::as_str)))
        .expect("memory takes all");
    let header = header.into_inner().expect("memory takes all");
    let mut text = String::from_utf8(header).expect("names are UTF-8");
    for bin in 0..meta.frame.bins {
        text.push_str(&bin.to_string());
        for series in 0..meta.series.len() {
            text.push(',');
            cell(&mut text, series, bin);
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// Six decimals are more than a score says; far out, where they are fewer than a number has, all of it.
fn round(score: f64) -> f64 {
    const SCALE: f64 = 1e6;
    // Adding nothing takes the sign from a negative zero.
    if score.abs() < 1e9 { (score * SCALE).round() / SCALE + 0.0 } else { score }
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::meta;
    use super::*;

    #[test]
    fn a_row_for_each_bin_and_nothing_where_there_is_no_opinion() {
        let meta = meta(2, &["a,b", "c"]);
        let text = String::from_utf8(scores(&meta, &[vec![1.0 / 3.0, f64::NAN], vec![-0.0, 2e300]])).unwrap();
        assert_eq!(text, format!("bin,\"a,b\",c\n0,0.333333,0\n1,,2{}\n", "0".repeat(300)));
        let text = String::from_utf8(flags(&meta, &[vec![true, false], vec![false, true]])).unwrap();
        assert_eq!(text, "bin,\"a,b\",c\n0,1,0\n1,0,1\n");
    }
}
