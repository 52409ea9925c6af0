//! Max-min fairness the slow way: rounds over all links and flows, all sums made anew in each.

/// A flow on links by number.
#[derive(Clone, Debug, PartialEq)]
pub struct PlainFlow {
    /// The links that it crosses.
    pub path: Vec<usize>,
    /// Its weight.
    pub weight: f64,
    /// The most that it sends; infinite where nothing but links holds it back.
    pub cap: f64,
}

/// The rate of each flow. In each round the lowest level (rate per weight) at which a link is full or a flow reaches its
/// cap is found, and the flows that it holds back are fixed there. A flow without links runs at its cap.
pub fn max_min_rates(capacities: &[f64], flows: &[PlainFlow]) -> Vec<f64> {
    let mut rates: Vec<Option<f64>> = vec![None; flows.len()];
    loop {
        let open = |f: &usize| rates[*f].is_none();
        let mut lowest = f64::INFINITY;
        let mut held: Vec<usize> = Vec::new();
        let levels = (0..flows.len()).filter(open).map(|f| (flows[f].cap / flows[f].weight, vec![f]));
        let full = |link: usize| {
            let crosses = |f: &usize| flows[*f].path.contains(&link);
            let times = |f: usize| flows[f].path.iter().filter(|l| **l == link).count() as f64;
            let fixed: f64 = (0..flows.len()).filter_map(|f| Some(rates[f]? * times(f))).sum();
            let weight: f64 = (0..flows.len()).filter(open).map(|f| flows[f].weight * times(f)).sum();
            let members: Vec<_> = (0..flows.len()).filter(open).filter(crosses).collect();
            (((capacities[link] - fixed) / weight).max(0.0), members)
        };
        let links = (0..capacities.len()).map(full).filter(|(_, members)| !members.is_empty());
        for (level, members) in levels.chain(links) {
            if held.is_empty() || level < lowest {
                (lowest, held) = (level, members);
            }
        }
        if held.is_empty() {
            return rates.into_iter().map(|r| r.expect("no flow is open")).collect();
        }
        held.iter().for_each(|f| rates[*f] = Some((flows[*f].weight * lowest).min(flows[*f].cap)));
    }
}

/// When each flow has sent its bits, in seconds: `starts` and `bits` by flow; infinite where it never does. All rates are
/// computed anew after each event.
pub fn max_min_completions(
    capacities: &[f64],
    flows: &[PlainFlow],
    starts: &[f64],
    bits: &[f64],
) -> Vec<f64> {
    let mut left = bits.to_vec();
    let mut ends = vec![f64::INFINITY; flows.len()];
    let mut now = 0.0;
    loop {
        let open: Vec<_> =
            (0..flows.len()).filter(|f| starts[*f] <= now && ends[*f] == f64::INFINITY).collect();
        let running: Vec<_> = open.iter().map(|f| flows[*f].clone()).collect();
        let rates = max_min_rates(capacities, &running);
        let next_start = starts.iter().copied().filter(|s| *s > now).fold(f64::INFINITY, f64::min);
        let done = |(f, rate): (&usize, &f64)| now + if left[*f] <= 0.0 { 0.0 } else { left[*f] / rate };
        let next = open.iter().zip(&rates).map(done).fold(next_start, f64::min);
        if next == f64::INFINITY {
            return ends;
        }
        for (f, rate) in open.iter().zip(&rates) {
            // What is left after the last bit is rounding.
            let ends_now = left[*f] <= 0.0 || now + left[*f] / rate <= next * (1.0 + 1e-14);
            left[*f] -= if rate.is_finite() { rate * (next - now) } else { left[*f] };
            if ends_now {
                ends[*f] = next;
            }
        }
        now = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(path: &[usize]) -> PlainFlow {
        PlainFlow { path: path.to_vec(), weight: 1.0, cap: f64::INFINITY }
    }

    #[test]
    fn one_long_and_two_short_flows_share_as_the_textbook_says() {
        let flows = [flow(&[0, 1]), flow(&[0]), flow(&[1])];
        assert_eq!(max_min_rates(&[1.0, 1.0], &flows), [0.5, 0.5, 0.5]);
        assert_eq!(max_min_rates(&[1.0, 2.0], &flows), [0.5, 0.5, 1.5]);
    }

    #[test]
    fn weights_divide_and_caps_leave_room() {
        let heavy = PlainFlow { weight: 3.0, ..flow(&[0]) };
        let capped = PlainFlow { cap: 0.25, ..flow(&[0]) };
        assert_eq!(max_min_rates(&[4.0], &[heavy.clone(), flow(&[0])]), [3.0, 1.0]);
        assert_eq!(max_min_rates(&[4.25], &[heavy, flow(&[0]), capped.clone()]), [3.0, 1.0, 0.25]);
        assert_eq!(max_min_rates(&[], &[PlainFlow { path: vec![], ..capped }]), [0.25]);
    }

    #[test]
    fn two_flows_finish_one_after_the_other() {
        // Both at 1/2 up to t = 2; then the second alone sends what is left, 2 bits at rate 1.
        let ends = max_min_completions(&[1.0], &[flow(&[0]), flow(&[0])], &[0.0, 0.0], &[1.0, 3.0]);
        assert_eq!(ends, [2.0, 4.0]);
        // The second comes at t = 1 while the first has half a bit left.
        let ends = max_min_completions(&[1.0], &[flow(&[0]), flow(&[0])], &[0.0, 1.0], &[1.5, 0.5]);
        assert_eq!(ends, [2.0, 2.0]);
    }
}
