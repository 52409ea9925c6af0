//! A heap of four children to a node: half the levels of a binary one, and two cache lines for each.

use engine::Event;

use super::Pending;

const CHILDREN: usize = 4;

/// A 4-ary heap with a push in the place of what was just popped.
#[derive(Clone, Debug, Default)]
pub struct FourAry {
    heap: Vec<Event>,
    top_is_gone: bool,
}

impl FourAry {
    fn sift_down(&mut self, event: Event) {
        let (heap, mut at) = (&mut self.heap[..], 0);
        loop {
            let first = at * CHILDREN + 1;
            let Some(children) = heap.get(first..heap.len().min(first + CHILDREN)).filter(|c| !c.is_empty())
            else {
                break;
            };
            let mut least = 0;
            for i in 1..children.len() {
                if children[i] < children[least] {
                    least = i;
                }
            }
            if event < children[least] {
                break;
            }
            heap[at] = children[least];
            at = first + least;
        }
        heap[at] = event;
    }

    fn sift_up(&mut self, event: Event) {
        let mut at = self.heap.len();
        self.heap.push(event);
        while at > 0 && event < self.heap[(at - 1) / CHILDREN] {
            self.heap[at] = self.heap[(at - 1) / CHILDREN];
            at = (at - 1) / CHILDREN;
        }
        self.heap[at] = event;
    }
}

impl Pending for FourAry {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        if std::mem::take(&mut self.top_is_gone) {
            self.sift_down(event);
        } else {
            self.sift_up(event);
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.top_is_gone)
            && let Some(last) = self.heap.pop()
            && !self.heap.is_empty()
        {
            self.sift_down(last);
        }
        let event = *self.heap.first()?;
        self.top_is_gone = true;
        Some(event)
    }
}
