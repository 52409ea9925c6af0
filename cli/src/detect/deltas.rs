//! Changes of the twin, as `umbra sync watch` writes them, as marks on the series that they touch.
//!
//! A half-link that goes down is neither judged nor learnt from until it carries traffic again. With a network and its
//! demands the routing tells which half-links carry more or less, and how many times as much: that is what is expected of
//! them from the first whole bin after the change on. Without demands, or where a metric or a rate changes and the load does
//! not, a half-link is learnt anew. The bin in which a change falls is a mixture of both and says nothing; what is as before
//! when the bin is over was only disturbed in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scenarios::carried::{Carried, Ports, has_moved};
use topology_sync::encoding;
use twin::{
    Change, Diagnostic, HalfLink, HalfLinkKey, InputError, Layer, Place, Snapshot, Twin, TwinDelta, WallTime,
};

use super::ends::Naming;
use super::marks::Marks;
use super::meta::Meta;
use crate::csv_file::unpacked;

/// Whether a file holds deltas: lines of JSON.
pub(crate) fn are_deltas(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{\"valid_at\"")
}

/// Reads deltas, one in a line.
///
/// # Errors
/// A line that is none.
pub(crate) fn read(path: &Path) -> Result<Vec<TwinDelta>, InputError> {
    let (name, bytes) = (path.display().to_string(), unpacked(path)?);
    let text = encoding::utf8(&name, &bytes)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let delta = |(line, number): (&str, u64)| {
        serde_json::from_str(line).map_err(|e| {
            let place = Place::LineColumn(number, e.column() as u64);
            InputError::new(&name, place, e.to_string(), "a delta of `umbra sync watch` in each line")
        })
    };
    lines.map(delta).collect()
}

/// Where bins lie in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When bin 0 begins.
    pub(crate) start: WallTime,
    pub(crate) bin_s: f64,
    pub(crate) bins: usize,
}

impl Clock {
    /// An instant in bins.
    fn place(&self, at: WallTime) -> f64 {
        at.as_ns().saturating_sub(self.start.as_ns()) as f64 / 1e9 / self.bin_s
    }

    /// The first bin that begins at an instant or after it; `None` before bin 0 and after the last one.
    fn whole(&self, at: WallTime) -> Option<usize> {
        let bin = self.place(at).ceil();
        (bin >= 0.0 && bin < self.bins as f64).then_some(bin as usize)
    }
}

/// Marks what deltas touch. `net` is the twin before, during or after them: what they do not tell of stands in it.
pub(crate) fn mark(
    marks: &mut Marks,
    deltas: &[TwinDelta],
    net: Option<&Snapshot>,
    naming: &Naming,
    (meta, start): (&Meta, WallTime),
    diagnostics: &mut Vec<Diagnostic>,
) {
    let clock = Clock { start, bin_s: meta.frame.bin_s, bins: meta.frame.bins };
    let twin = net.map(|net| before(&net.twin, deltas)).unwrap_or_default();
    let mut walk = Walk {
        net,
        naming,
        clock,
        marks,
        twin,
        carried: None,
        standing: None,
        seen: BTreeSet::new(),
        down: BTreeMap::new(),
    };
    let bin = |delta: &TwinDelta| clock.place(delta.valid_at).floor() as i64;
    let mut touched = 0;
    for together in deltas.chunk_by(|a, b| bin(a) == bin(b)) {
        touched += walk.take(together);
    }
    walk.finish();
    if touched == 0 {
        Diagnostic::count(diagnostics, "untouched-series", || {
            "The deltas touch none of the series: other names, other times, or no change of a link."
                .to_owned()
        });
    }
    if net.is_some_and(|net| net.demands.is_none()) {
        Diagnostic::count(diagnostics, "no-demands", || {
            "The network has no demands: how much a change moves is not known, and what it touches is learnt anew."
                .to_owned()
        });
    }
}

/// The twin as it was before deltas, which hold what each of them changed. What a twin finds for the first time was there.
fn before(twin: &Twin, deltas: &[TwinDelta]) -> Twin {
    let mut twin = twin.clone();
    for change in deltas.iter().rev().flat_map(|delta| delta.changes.iter().rev()) {
        if let Change::HalfLink { key, before: Some(before), .. } = change {
            twin.set(&Change::HalfLink { key: key.clone(), before: None, after: Some(before.clone()) });
        }
    }
    twin
}

struct Walk<'a> {
    net: Option<&'a Snapshot>,
    naming: &'a Naming,
    clock: Clock,
    marks: &'a mut Marks,
    twin: Twin,
    /// What the version carries, once somebody asked.
    carried: Option<Carried>,
    /// What each half-link carried when its series were told last: what moves is moved from there.
    standing: Option<Carried>,
    /// Half-links that were told of before: their appearance is a return, not a discovery.
    seen: BTreeSet<(Layer, Ports)>,
    down: BTreeMap<Ports, Down>,
}

/// A half-link that does not carry.
struct Down {
    since: WallTime,
    /// What it carried before.
    load: f64,
    series: Vec<usize>,
}

impl Walk<'_> {
    /// Takes deltas that fall into one bin; how many marks were made.
    fn take(&mut self, deltas: &[TwinDelta]) -> usize {
        let mut at: BTreeMap<Ports, WallTime> = BTreeMap::new();
        let (mut links, mut told) = (None, BTreeSet::new());
        let before = (self.twin.clone(), self.carried.take());
        for delta in deltas {
            for change in &delta.changes {
                // Tables say where packets go, not which links there are.
                if matches!(change, Change::Fib { .. } | Change::Route { .. }) {
                    continue;
                }
                if let Some(ports) = self.differs(change, &mut told) {
                    at.insert(ports, delta.valid_at);
                }
                links = links.or(changes_links(change).then_some(delta.valid_at));
                self.twin.set(change);
            }
        }
        self.seen.extend(told);
        let Some(first) = links else {
            self.carried = before.1;
            return 0;
        };
        let (old, new) = self.loads(&before.0, before.1);
        let mut standing = self.standing.take().unwrap_or(old);
        for ports in standing.moved(&new) {
            at.entry(ports).or_insert(first);
        }
        let mut series = self.naming.series(&before.0);
        series.extend(self.naming.series(&self.twin));
        let mut marked = 0;
        for (ports, when) in at {
            let numbers = series.get(&ports).cloned().unwrap_or_default();
            marked += numbers.len();
            let loads = (standing.load(&ports), new.load(&ports));
            standing.set(&ports, loads.1);
            if self.shapes(&before.0, &ports) == self.shapes(&self.twin, &ports)
                && !has_moved(loads.0, loads.1)
            {
                let bin = self.clock.place(when).floor();
                self.pause_bins(&numbers, bin, bin + 1.0);
            } else {
                self.touch(&ports, &numbers, when, loads);
            }
        }
        self.standing = self.net.map(|_| standing);
        self.carried = self.net.map(|_| new);
        marked
    }

    /// What the version before and this one carry; nothing without a network, as a twin that is being discovered sends its
    /// traffic elsewhere with every link.
    fn loads(&self, before: &Twin, known: Option<Carried>) -> (Carried, Carried) {
        let Some(net) = self.net else { return Default::default() };
        let of = |twin: &Twin| Carried::of(twin, net.demands.as_ref());
        (known.unwrap_or_else(|| of(before)), of(&self.twin))
    }

    /// The half-link that a change makes another one. What is `told` of for the first time was there before.
    fn differs(&self, change: &Change, told: &mut BTreeSet<(Layer, Ports)>) -> Option<Ports> {
        let Change::HalfLink { key, before, after } = change else { return None };
        if !matches!(key.layer, Layer::Igp | Layer::Cable) {
            return None;
        }
        let ports = (key.from.clone(), key.to.clone());
        let it = (key.layer, ports.clone());
        let known = self.seen.contains(&it) || (before.is_some() && !told.contains(&it));
        told.insert(it);
        let same = shape(before.as_deref()) == shape(after.as_deref());
        (known && !same).then_some(ports)
    }

    fn touch(&mut self, ports: &Ports, series: &[usize], at: WallTime, (old, new): (f64, f64)) {
        let carries = self.carries(ports) && (self.net.is_none() || new > 0.0 || old == 0.0);
        match self.down.remove(ports) {
            None if !carries => {
                let down = Down { since: at, load: old, series: series.to_vec() };
                self.down.insert(ports.clone(), down);
            }
            None => self.shift(series, at, (old, new)),
            Some(down) if !carries => {
                self.down.insert(ports.clone(), down);
            }
            Some(down) => {
                self.pause(series, down.since, Some(at));
                // What it was taught holds if it carries what it used to.
                if has_moved(down.load, new) {
                    self.shift(series, at, (down.load, new));
                }
            }
        }
    }

    /// Series carry another load from an instant on: so many times the old one, if demands say how many.
    fn shift(&mut self, series: &[usize], at: WallTime, (old, new): (f64, f64)) {
        let known = self.net.is_some_and(|net| net.demands.is_some());
        if !(known && old > 0.0 && new > 0.0 && has_moved(old, new)) {
            return self.renew(series, at);
        }
        self.pause(series, at, Some(at));
        let Some(bin) = self.clock.whole(at) else { return };
        for number in series {
            let moves = &mut self.marks.moves[*number];
            // Links side by side are one series and move together.
            if moves.last().is_none_or(|(last, _)| *last != bin) {
                moves.push((bin, new / old));
            }
        }
    }

    /// What a half-link is on each layer.
    fn shapes(&self, twin: &Twin, ports: &Ports) -> [Option<(u32, u64)>; 2] {
        let key = |layer| HalfLinkKey { layer, from: ports.0.clone(), to: ports.1.clone() };
        [Layer::Igp, Layer::Cable].map(|layer| shape(twin.half_link(&key(layer))))
    }

    /// Whether a half-link is up on every layer that ever told of it.
    fn carries(&self, ports: &Ports) -> bool {
        let key = |layer| HalfLinkKey { layer, from: ports.0.clone(), to: ports.1.clone() };
        let up = |layer| match self.twin.half_link(&key(layer)) {
            Some(half) => !half.is_dark(),
            None => !self.seen.contains(&(layer, ports.clone())),
        };
        up(Layer::Igp) && up(Layer::Cable)
    }

    fn renew(&mut self, series: &[usize], at: WallTime) {
        self.pause(series, at, Some(at));
        if let Some(bin) = self.clock.whole(at) {
            series.iter().for_each(|number| self.marks.changes[*number].push(bin));
        }
    }

    /// Bins that touch a stretch are not judged; one without an end lasts until the last bin.
    fn pause(&mut self, series: &[usize], from: WallTime, to: Option<WallTime>) {
        let to = to.map_or(f64::INFINITY, |to| self.clock.place(to).ceil());
        self.pause_bins(series, self.clock.place(from).floor(), to);
    }

    fn pause_bins(&mut self, series: &[usize], from: f64, to: f64) {
        let bins = self.clock.bins as f64;
        let (from, to) = (from.clamp(0.0, bins), to.clamp(0.0, bins));
        if from < to {
            series
                .iter()
                .for_each(|number| self.marks.maintenance[*number].push((from as usize, to as usize)));
        }
    }

    /// What is down at the end stays so.
    fn finish(mut self) {
        for down in std::mem::take(&mut self.down).into_values() {
            self.pause(&down.series, down.since, None);
        }
    }
}

/// What of a half-link says how much it carries: `None` while it is down.
fn shape(half: Option<&HalfLink>) -> Option<(u32, u64)> {
    half.filter(|half| !half.is_dark()).map(|half| (half.metric, half.capacity.get()))
}

/// Whether a change makes links that traffic may take others.
fn changes_links(change: &Change) -> bool {
    match change {
        Change::HalfLink { key, before, after } => {
            matches!(key.layer, Layer::Igp | Layer::Cable)
                && shape(before.as_deref()) != shape(after.as_deref())
        }
        _ => false,
    }
}
