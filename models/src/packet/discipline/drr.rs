//! Deficit round robin: classes share a link by bytes, whatever the size of their packets.

use std::collections::VecDeque;

use twin::{Bytes, SimTime};

/// The round of the classes that have packets waiting (Shreedhar and Varghese, *Efficient Fair Queuing Using Deficit
/// Round-Robin*, IEEE/ACM ToN 4(3), 1996).
///
/// At its turn a class is granted its quantum and sends while its deficit covers the packet at its head; what is left
/// waits for the next turn, or lapses when the class runs empty. After k turns without running empty, a class of quantum
/// Q has sent more than k·Q − max and at most k·Q bytes, max being its largest packet.
///
/// Choosing costs one step if no quantum is smaller than a packet, else a turn of all classes for each quantum that the
/// smallest packet at a head lacks.
#[derive(Clone, Debug)]
pub(crate) struct Drr {
    /// By class; zero for those that have no part in the round.
    quanta: Vec<u64>,
    deficits: Vec<u64>,
    /// Classes with packets, the one whose turn it is first.
    active: VecDeque<usize>,
    /// Whether that one has been granted its quantum.
    granted: bool,
}

/// The packet at the head of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) size: Bytes,
    /// When a shaper lets it go.
    pub(crate) ready: SimTime,
}

impl Drr {
    pub(crate) fn new(quanta: Vec<Bytes>) -> Self {
        let (deficits, active) = (vec![0; quanta.len()], VecDeque::with_capacity(quanta.len()));
        Self { quanta: quanta.into_iter().map(Bytes::get).collect(), deficits, active, granted: false }
    }

    /// A class has a packet again.
    pub(crate) fn activate(&mut self, class: usize) {
        debug_assert!(self.quanta[class] > 0 && !self.active.contains(&class));
        self.active.push_back(class);
    }

    /// The class whose head goes next; or, if shapers hold all of them back, the instant at which the first is let go
    /// (`None` if there is none). Asked again without [`sent`](Self::sent), it says the same as long as that class is
    /// ready.
    ///
    /// A class that its shaper holds back loses its turn, with what is left of a quantum of which it has sent a part: its
    /// deficit stays below a packet, so it cannot save turns up.
    pub(crate) fn choose(
        &mut self,
        now: SimTime,
        mut head: impl FnMut(usize) -> Head,
    ) -> Result<usize, Option<SimTime>> {
        let (mut held_back, mut earliest) = (0, None);
        while held_back < self.active.len() {
            let class = self.active[0];
            let Head { size, ready } = head(class);
            if ready > now {
                earliest = Some(earliest.map_or(ready, |t: SimTime| t.min(ready)));
                held_back += 1;
                if self.granted {
                    self.deficits[class] = 0;
                }
                self.end_turn();
                continue;
            }
            held_back = 0;
            if !self.granted {
                self.deficits[class] += self.quanta[class];
                self.granted = true;
            }
            if size.get() <= self.deficits[class] {
                return Ok(class);
            }
            self.end_turn();
        }
        Err(earliest)
    }

    /// The chosen class has sent its head.
    pub(crate) fn sent(&mut self, class: usize, size: Bytes, ran_empty: bool) {
        debug_assert_eq!(self.active.front(), Some(&class));
        self.deficits[class] -= size.get();
        if ran_empty {
            self.deficits[class] = 0;
            self.granted = false;
            self.active.pop_front();
        }
    }

    /// All classes are empty.
    pub(crate) fn clear(&mut self) {
        self.active.clear();
        self.deficits.fill(0);
        self.granted = false;
    }

    fn end_turn(&mut self) {
        self.active.rotate_left(1);
        self.granted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEVER: SimTime = SimTime::MAX;

    /// Classes of packet sizes, first in first out.
    struct Round {
        drr: Drr,
        queues: Vec<VecDeque<u64>>,
    }

    impl Round {
        fn new(quanta: &[u64]) -> Self {
            let drr = Drr::new(quanta.iter().map(|q| Bytes::new(*q)).collect());
            Self { drr, queues: vec![VecDeque::new(); quanta.len()] }
        }

        fn push(&mut self, class: usize, size: u64) {
            if self.queues[class].is_empty() {
                self.drr.activate(class);
            }
            self.queues[class].push_back(size);
        }

        fn pop(&mut self) -> Option<(usize, u64)> {
            let Self { drr, queues } = self;
            let head = |class: usize| Head { size: Bytes::new(queues[class][0]), ready: SimTime::ZERO };
            let class = drr.choose(SimTime::ZERO, head).ok()?;
            let size = queues[class].pop_front()?;
            drr.sent(class, Bytes::new(size), queues[class].is_empty());
            Some((class, size))
        }
    }

    /// The paper's algorithm for queues that are all there from the beginning: whole rounds, one after the other.
    fn slow_rounds(queues: &[Vec<u64>], quanta: &[u64]) -> Vec<(usize, u64)> {
        let (mut queues, mut deficits, mut order) = (queues.to_vec(), vec![0; quanta.len()], Vec::new());
        while queues.iter().any(|q| !q.is_empty()) {
            for class in 0..queues.len() {
                if queues[class].is_empty() {
                    continue;
                }
                deficits[class] += quanta[class];
                while queues[class].first().is_some_and(|size| *size <= deficits[class]) {
                    let size = queues[class].remove(0);
                    deficits[class] -= size;
                    order.push((class, size));
                }
                if queues[class].is_empty() {
                    deficits[class] = 0;
                }
            }
        }
        order
    }

    proptest! {
        #[test]
        fn full_queues_empty_in_the_order_of_the_paper(
            queues in prop::collection::vec(prop::collection::vec(40u64..1_600, 0..30), 1..5),
            quanta in prop::array::uniform4(100u64..4_000),
        ) {
            let mut round = Round::new(&quanta[..queues.len()]);
            for (class, queue) in queues.iter().enumerate() {
                queue.iter().for_each(|size| round.push(class, *size));
            }
            let order: Vec<_> = std::iter::from_fn(|| round.pop()).collect();
            prop_assert_eq!(order, slow_rounds(&queues, &quanta));
        }

        #[test]
        fn classes_that_never_run_empty_stay_within_a_quantum_and_a_packet_of_bitwise_sharing(
            sizes in prop::collection::vec((40u64..1_600, 40u64..1_600, 40u64..1_600), 50..300),
            quanta in prop::array::uniform3(300u64..6_000),
        ) {
            let mut round = Round::new(&quanta);
            for &(a, b, c) in &sizes {
                [a, b, c].into_iter().enumerate().for_each(|(class, size)| round.push(class, size));
            }
            let max = 1_600.0;
            let (mut sent, sum) = ([0.0; 3], quanta.iter().sum::<u64>() as f64);
            while round.queues.iter().all(|q| q.len() > 1) {
                let (class, size) = round.pop().expect("packets wait");
                sent[class] += size as f64;
                let total: f64 = sent.iter().sum();
                for class in 0..3 {
                    // Bit by bit, a class would have had its share of what was sent by now. Each class is between k·Q − max
                    // and (k + 1)·Q, k being the turns that all have had (lemma 2 of the paper).
                    let share = quanta[class] as f64 / sum;
                    let bound = quanta[class] as f64 + max + 3.0 * max * share;
                    prop_assert!((sent[class] - share * total).abs() <= bound, "{:?} after {}", sent, total);
                }
            }
        }
    }

    #[test]
    fn a_class_that_runs_empty_keeps_no_deficit() {
        let mut round = Round::new(&[1_000, 1_000]);
        round.push(0, 100);
        assert_eq!(round.pop(), Some((0, 100)));
        for _ in 0..20 {
            round.push(0, 100);
            round.push(1, 100);
        }
        let first: Vec<_> = (0..20).map(|_| round.pop().unwrap().0).collect();
        assert_eq!(first, [[0; 10], [1; 10]].concat(), "900 bytes of the first turn have lapsed");
    }

    #[test]
    fn a_class_that_is_held_back_gives_its_turn_away_and_saves_nothing() {
        let mut drr = Drr::new(vec![Bytes::new(1_000); 2]);
        (0..2).for_each(|class| drr.activate(class));
        let head =
            |ready: [SimTime; 2]| move |class: usize| Head { size: Bytes::new(400), ready: ready[class] };
        let mut now = SimTime::ZERO;
        let mut shaped = 0;
        // Class 0 is let go once in a while; it sends one packet in a turn, and never more than its quantum's two.
        for i in 1..200u64 {
            now = SimTime::from_ps(i);
            let ready = [if i % 7 == 0 { now } else { NEVER }, SimTime::ZERO];
            let class = drr.choose(now, head(ready)).unwrap();
            drr.sent(class, Bytes::new(400), false);
            shaped += u32::from(class == 0);
            assert!(drr.deficits[0] <= 1_000, "{:?}", drr.deficits);
        }
        assert!(shaped > 5, "{shaped}");
        let waiting = drr.choose(now, head([SimTime::from_ps(900), SimTime::from_ps(800)]));
        assert_eq!(waiting, Err(Some(SimTime::from_ps(800))));
        drr.clear();
        assert_eq!(drr.choose(now, head([now; 2])), Err(None));
    }

    #[test]
    fn a_quantum_smaller_than_a_packet_takes_several_turns() {
        let mut round = Round::new(&[1, 3]);
        for _ in 0..400 {
            round.push(0, 1_000);
            round.push(1, 1_000);
        }
        let ones = (0..400).filter(|_| round.pop().unwrap().0 == 1).count();
        assert_eq!(ones, 300);
    }
}
