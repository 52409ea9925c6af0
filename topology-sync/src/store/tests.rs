//! Whatever the order of words, and however often they come, the same stands.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observation::{
    Chassis, Fact, Id, IgpNeighbor, IgpProtocol, Link, LinkState, LinkStateId, LinkStateKind, LldpNeighbor,
    Part, RouteFact, RouteKind, Scope,
};

fn at(seconds: i64) -> WallTime {
    WallTime::from_ns(seconds * 1_000_000_000)
}

fn link(name: &str, mtu: u32) -> Fact {
    Fact::Link(Link { name: name.into(), mtu: Some(mtu), ..Link::default() }.into())
}

fn advertisement(sequence: u32) -> Fact {
    Fact::LinkState(LinkState {
        id: LinkStateId {
            protocol: IgpProtocol::Ospf2,
            area: "0.0.0.0".into(),
            kind: LinkStateKind::Router,
            router: "10.0.0.1".into(),
            number: "10.0.0.1".into(),
        },
        sequence,
        name: None,
        links: Vec::new(),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        overload: false,
    })
}

fn is(seconds: i64, fact: Fact) -> Observation {
    Observation::is(&Observer::node("r1"), Source::Kernel, at(seconds), fact)
}

fn not(seconds: i64, fact: &Fact) -> Observation {
    Observation::not(&Observer::node("r1"), Source::Kernel, at(seconds), fact.key())
}

fn read(seconds: i64) -> Observation {
    Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), Topic::Links)
}

fn lost(seconds: i64) -> Observation {
    Observation::lost(&Observer::node("r1"), Source::Kernel, at(seconds))
}

fn heard() -> Fact {
    let id = |value: &str| Id { kind: "mac".into(), value: value.into() };
    let chassis = Chassis {
        id: id("02:00:00:00:00:01"),
        name: None,
        description: None,
        management: Vec::new(),
        router: false,
        bridge: false,
    };
    let (port, on) = (id("02:00:00:00:00:02"), "e1".to_owned());
    let (description, aggregate, mac, max_frame) = (None, None, None, None);
    Fact::Neighbor(LldpNeighbor { on, chassis, port, description, aggregate, mac, max_frame }.into())
}

fn stands(words: &[Observation], now: i64) -> Vec<Fact> {
    let mut store = Store::default();
    store.extend(words.iter().cloned());
    store.standing(&Observer::node("r1"), at(now)).map(|s| s.fact.clone()).collect()
}

#[test]
fn a_finished_reading_ends_what_it_did_not_see_and_an_unfinished_one_ends_nothing() {
    let words = [is(1, link("e1", 1)), is(1, link("e2", 1)), is(5, link("e1", 2))];
    assert_eq!(stands(&words, 9), [link("e1", 2), link("e2", 1)]);
    let finished = [&words[..], &[read(5)]].concat();
    assert_eq!(stands(&finished, 9), [link("e1", 2)]);
    assert_eq!(stands(&finished, 4), [link("e2", 1)], "e1 at 4 was overwritten: a store holds no history");
}

#[test]
fn a_lifetime_passes() {
    let o = Observer::node("r1");
    let words = [Observation::lives(&o, Source::Lldpd, at(1), link("e1", 1), Duration::from_secs(8))];
    assert_eq!(stands(&words, 8).len(), 1);
    assert_eq!(stands(&words, 9).len(), 0);
}

#[test]
fn a_word_lapses_when_it_was_last_said_also_in_a_saved_store() {
    let o = Observer::node("r1");
    let lives = |seconds, name, span| {
        let span = Duration::from_secs(span);
        Observation::lives(&o, Source::Lldpd, at(seconds), link(name, 1), span)
    };
    let gone = Observation::not(&o, Source::Lldpd, at(6), link("e2", 1).key());
    let words = [(lives(1, "e1", 8), 9), (lives(4, "e2", 3), 7), (lives(5, "e1", 8), 7), (gone, 13)];
    let mut store = Store::default();
    for (word, looks) in words {
        store.take(word);
        assert_eq!(store.next_look(), Some(at(looks)));
        let saved = serde_json::to_string(&store).unwrap();
        let read: Store = serde_json::from_str(&saved).unwrap();
        assert_eq!(read.lapses, store.lapses);
    }
    assert_eq!(store.take_lapsed(at(12)).len(), 0, "it was said again");
    assert_eq!((store.take_lapsed(at(13)).len(), store.next_look()), (1, None));
}

#[test]
fn what_a_lost_source_said_stands_and_is_stale_until_it_is_said_again() {
    let o = Observer::node("r1");
    let lost_at = |words: &[Observation], now| {
        let mut store = Store::default();
        store.extend(words.iter().cloned());
        store.standing(&o, at(now)).map(|s| s.lost).collect::<Vec<_>>()
    };
    let words = [is(1, link("e1", 1)), lost(3), is(5, link("e2", 1))];
    assert_eq!(lost_at(&words[..2], 2), [false], "before it was lost");
    assert_eq!(lost_at(&words[..2], 3), [true]);
    assert_eq!(lost_at(&words, 9), [true, false], "what was said since is not stale");
    assert_eq!(lost_at(&[&words[..], &[is(6, link("e1", 1))]].concat(), 9), [false, false]);
    let other = Observation::lost(&o, Source::Lldpd, at(3));
    assert_eq!(lost_at(&[is(1, link("e1", 1)), other], 9), [false], "another source");
}

#[test]
fn a_neighbour_that_is_not_heard_any_more_is_remembered() {
    let o = Observer::node("r1");
    let past = |words: &[Observation], now| {
        let mut store = Store::default();
        store.extend(words.iter().cloned());
        let past: Vec<_> = store.past_neighbors(&o, at(now)).map(|s| s.at).collect();
        (store.standing(&o, at(now)).count(), past)
    };
    let (said, gone, back) = (is(1, heard()), not(3, &heard()), is(5, heard()));
    assert_eq!(past(std::slice::from_ref(&said), 4), (1, vec![]));
    assert_eq!(past(&[said.clone(), gone.clone()], 4), (0, vec![at(1)]));
    assert_eq!(past(&[gone.clone(), said.clone()], 4), (0, vec![at(1)]));
    assert_eq!(past(&[said, gone, back], 6), (1, vec![]));
    let lives = Observation::lives(&o, Source::Lldp, at(1), heard(), Duration::from_secs(4));
    assert_eq!(past(std::slice::from_ref(&lives), 4), (1, vec![]));
    assert_eq!(past(&[lives], 5), (0, vec![at(1)]), "it lapsed");
    let read = Observation::read(&o, Source::Kernel, at(3), Topic::Neighbors);
    assert_eq!(past(&[is(1, heard()), read], 4), (0, vec![at(1)]), "a finished reading did not find it");
}

#[test]
fn a_restarted_router_begins_its_sequence_anew() {
    let (old, purge, new) = (is(1, advertisement(9)), not(2, &advertisement(9)), is(3, advertisement(1)));
    assert_eq!(stands(&[new.clone(), old.clone()], 9), [advertisement(9)], "without a purge the higher wins");
    assert_eq!(stands(&[new, old, purge], 9), [advertisement(1)]);
}

#[test]
fn a_reading_of_one_protocol_says_nothing_of_another() {
    let neighbor = |protocol, id: &str| {
        Fact::IgpNeighbor(IgpNeighbor {
            protocol,
            on: "e1".into(),
            id: id.into(),
            address: None,
            mac: None,
            state: "Full".into(),
            role: None,
        })
    };
    let (ospf, isis) = (neighbor(IgpProtocol::Ospf2, "10.0.0.2"), neighbor(IgpProtocol::Isis, "r2"));
    let read = |seconds, protocol| {
        let scope = Scope::of(Topic::IgpNeighbors, protocol);
        Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), scope)
    };
    let words =
        [is(1, ospf.clone()), read(1, IgpProtocol::Ospf2), is(2, isis.clone()), read(2, IgpProtocol::Isis)];
    assert_eq!(stands(&words, 9), [isis.clone(), ospf]);
    let later = [&words[..], &[read(3, IgpProtocol::Ospf2)]].concat();
    assert_eq!(stands(&later, 9), [isis]);
}

#[test]
fn a_reading_of_one_family_says_nothing_of_the_other() {
    let route = |prefix: &str| {
        let (table, prefix) = ("main".to_owned(), prefix.parse().unwrap());
        Fact::Route(RouteFact { table, prefix, metric: 20, kind: RouteKind::Blackhole })
    };
    let (v4, v6) = (route("10.0.0.0/8"), route("2001:db8::/32"));
    let read = |seconds, part: Part| {
        let scope = Scope::of(Topic::Routes, part);
        Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), scope)
    };
    let words = [is(1, v4.clone()), read(1, Part::Ipv4), is(2, v6.clone()), read(2, Part::Ipv6)];
    assert_eq!(stands(&words, 9), [v4.clone(), v6.clone()]);
    let later = [&words[..], &[read(3, Part::Ipv4)]].concat();
    assert_eq!(stands(&later, 9), [v6]);
}

fn word() -> impl Strategy<Value = Observation> {
    (0i64..6, 0u32..3, 0u8..9).prop_map(|(t, n, kind)| match kind {
        0 => is(t, link("e1", n)),
        1 => is(t, link("e2", n)),
        2 => is(t, advertisement(n)),
        3 => not(t, &link("e1", 0)),
        4 => not(t, &advertisement(0)),
        5 => is(t, heard()),
        6 => not(t, &heard()),
        7 => lost(t),
        _ => read(t),
    })
}

proptest! {
    #[test]
    fn any_order_repetition_or_break_gives_the_same(
        words in prop::collection::vec(word(), 0..12), seed in any::<u64>(), cut in 0usize..12,
    ) {
        let take = |list: &[Observation]| {
            let mut store = Store::default();
            store.extend(list.iter().cloned());
            store
        };
        let whole = take(&words);
        let mut shuffled = [&words[..], &words[..words.len() / 2]].concat();
        shuffled.sort_by_key(|w| twin::stable_hash(&[&seed.to_le_bytes(), format!("{w:?}").as_bytes()]));
        prop_assert_eq!(&take(&shuffled), &whole);
        let cut = cut.min(words.len());
        let text = serde_json::to_string(&take(&words[..cut])).unwrap();
        let mut resumed: Store = serde_json::from_str(&text).unwrap();
        resumed.extend(words[cut..].iter().cloned());
        prop_assert_eq!(&resumed, &whole);
    }
}
