//! What replicas of one hypothesis showed.

/// What one replica shows: items, and by how much each changes.
pub(super) type Shown = Vec<(u32, f64)>;

/// What replicas of one hypothesis showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ensemble {
    /// How many replicas there are.
    pub replicas: usize,
    /// Items that it moves, ascending.
    pub items: Vec<u32>,
    /// By item: the mean.
    pub mean: Vec<f64>,
    /// By item: deviations of each replica from the mean.
    pub spread: Vec<Vec<f32>>,
}

impl Ensemble {
    /// Of a single run.
    pub(super) fn once(mut shown: Shown) -> Self {
        shown.sort_unstable_by_key(|(item, _)| *item);
        let (items, mean): (Vec<u32>, Vec<f64>) = shown.into_iter().unzip();
        Self { replicas: 1, spread: vec![vec![0.0]; items.len()], items, mean }
    }

    /// Puts more replicas behind those that are there. What one does not show it leaves as it was.
    pub(super) fn add(&mut self, shown: &[Shown]) {
        let (had, replicas) = (self.replicas, self.replicas + shown.len());
        let more = shown.iter().flatten().map(|(item, _)| *item);
        let mut items: Vec<u32> = self.items.iter().copied().chain(more).collect();
        items.sort_unstable();
        items.dedup();
        let n = replicas as f64;
        let mut mean = vec![0.0; items.len()];
        let mut spread = vec![vec![0.0f32; replicas]; items.len()];
        for ((item, was), row) in self.items.iter().zip(&self.mean).zip(&self.spread) {
            let place = items.partition_point(|i| i < item);
            mean[place] = was * had as f64 / n;
            spread[place].iter_mut().zip(row).for_each(|(x, off)| *x = off + *was as f32);
        }
        for (replica, row) in (had..).zip(shown) {
            for (item, change) in row {
                let place = items.partition_point(|i| i < item);
                mean[place] += change / n;
                spread[place][replica] = *change as f32;
            }
        }
        for (row, mean) in spread.iter_mut().zip(&mean) {
            row.iter_mut().for_each(|x| *x -= *mean as f32);
        }
        *self = Self { replicas, items, mean, spread };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_that_come_later_count_as_those_that_come_at_once() {
        // Items come and go; the second replica shows nothing.
        let shown: Vec<Shown> =
            vec![vec![(7, 2.0), (3, 1.0)], vec![], vec![(9, -4.0), (3, 3.0)], vec![(5, 8.0)], vec![(3, 0.5)]];
        let mut whole = Ensemble::default();
        whole.add(&shown);
        assert_eq!((whole.replicas, &whole.items), (5, &vec![3, 5, 7, 9]));
        assert_eq!(whole.mean, [0.9, 1.6, 0.4, -0.8]);
        for first in 0..=5 {
            let mut parts = Ensemble::default();
            parts.add(&shown[..first]);
            parts.add(&shown[first..]);
            assert_eq!((parts.replicas, &parts.items), (5, &whole.items));
            for place in 0..4 {
                assert!((parts.mean[place] - whole.mean[place]).abs() < 1e-12);
                for (x, y) in parts.spread[place].iter().zip(&whole.spread[place]) {
                    assert!((x - y).abs() < 1e-6, "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn a_single_run_is_its_own_mean() {
        let mut added = Ensemble::default();
        added.add(&[vec![(4, 2.5), (1, -1.0)]]);
        assert_eq!(Ensemble::once(vec![(4, 2.5), (1, -1.0)]), added);
    }
}
