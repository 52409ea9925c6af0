//! Why a twin says what it says of two nodes or ports.

use twin::{
    Entity, EntityKey, EntityKind, FreshnessState, InputError, Layer, Place, Snapshot, Twin, WallTime,
    no_such_node,
};

/// One source's word on what is between two places, or a finding about one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// `cable`, `lldp`, `igp`, `segment` or `finding`.
    pub layer: &'static str,
    /// The port from which it leads; of a finding or a segment the place that it is about.
    pub from: String,
    /// The port to which it leads.
    pub to: Option<String>,
    /// The state's word.
    pub state: Option<String>,
    /// The cost of sending over it, on the IGP's layer.
    pub cost: Option<u32>,
    /// Who says so.
    pub source: String,
    /// What it says, and by what both ends were found.
    pub says: String,
    /// When it was last said; `None` for recordings, which bear no time.
    pub seen: Option<WallTime>,
    /// How fresh the half-link is; `None` for what nobody listens for, segments and findings.
    pub freshness: Option<FreshnessState>,
}

/// A node, or one port of it.
struct Side {
    node: EntityKey,
    node_name: String,
    port: Option<String>,
}

/// All that a snapshot knows of links between two nodes or ports, each given as `NODE` or `NODE:PORT`: the evidence of
/// each direction and layer, the segments that both are on, and the findings about either.
///
/// # Errors
/// [`InputError`] for a name that `file`, where the snapshot is from, does not have.
pub fn explain(file: &str, net: &Snapshot, a: &str, b: &str) -> Result<Vec<Reason>, InputError> {
    let sides = [side(file, &net.twin, a)?, side(file, &net.twin, b)?];
    let mut reasons = Vec::new();
    for (layer, word) in [(Layer::Cable, "cable"), (Layer::Lldp, "lldp"), (Layer::Igp, "igp")] {
        for (from, to) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
            between(&net.twin, layer, word, (from, to), &mut reasons);
        }
    }
    for segment in net.twin.entities() {
        if let EntityKind::Segment { ports } = &segment.kind
            && sides.iter().all(|s| ports.iter().any(|p| s.has(&net.twin, p)))
        {
            reasons.push(Reason::about("segment", &segment.name, "fusion", "both are on it".to_owned()));
        }
    }
    for diagnostic in &net.diagnostics {
        // `NODE PORT: WHY`
        if let Some((place, why)) = diagnostic.message.split_once(": ")
            && let Some((node, port)) = place.split_once(' ')
            && sides.iter().any(|s| s.node_name == node && s.port.as_deref().is_none_or(|p| p == port))
        {
            reasons.push(Reason::about(
                "finding",
                &format!("{node}:{port}"),
                &diagnostic.code,
                why.to_owned(),
            ));
        }
    }
    Ok(reasons)
}

impl Reason {
    fn about(layer: &'static str, place: &str, source: &str, says: String) -> Self {
        let (from, source) = (place.to_owned(), source.to_owned());
        Self { layer, from, to: None, state: None, cost: None, source, says, seen: None, freshness: None }
    }
}

impl Side {
    fn has(&self, twin: &Twin, port: &EntityKey) -> bool {
        let entity = twin.entity(port);
        twin.node_of(port).is_some_and(|n| n.key == self.node)
            && self.port.as_deref().is_none_or(|p| entity.is_some_and(|e| e.name == p))
    }
}

fn side(file: &str, twin: &Twin, name: &str) -> Result<Side, InputError> {
    let whole = |node: &Entity, port| Ok(Side { node: node.key.clone(), node_name: node.name.clone(), port });
    if let Some(node) = twin.node_named(name) {
        return whole(node, None);
    }
    // Port names may have colons too: the longest node name counts.
    let splits = name.rmatch_indices(':').map(|(at, _)| (&name[..at], &name[at + 1..]));
    for (node, port) in splits {
        let Some(node) = twin.node_named(node) else { continue };
        if twin.entity(&EntityKey::port(&node.key, port)).is_some() {
            return whole(node, Some(port.to_owned()));
        }
        let ports = twin.entities().filter(|e| e.parent.as_ref() == Some(&node.key)).map(|e| e.name.as_str());
        let what = format!("no port '{port}' of {}", node.name);
        return Err(
            InputError::new(file, Place::Whole, what, "a port of this node").with_nearest(port, ports)
        );
    }
    let nodes = twin.nodes();
    let names = || nodes.iter().map(|n| n.name.as_str());
    // Where several nodes have the name before the colon it is they that are meant.
    let before = name.match_indices(':').map(|(at, _)| &name[..at]);
    let meant = before.into_iter().find(|n| names().filter(|other| other == n).count() > 1).unwrap_or(name);
    let error = InputError::new(
        file,
        Place::Whole,
        no_such_node(meant, names()),
        "NODE or NODE:PORT of this network",
    );
    Err(error.with_nearest(name, names()))
}

fn between(twin: &Twin, layer: Layer, word: &'static str, (a, b): (&Side, &Side), reasons: &mut Vec<Reason>) {
    let printed = |port: &EntityKey| {
        let of = |e: Option<&Entity>| e.map(|e| e.name.clone()).unwrap_or_default();
        format!("{}:{}", of(twin.node_of(port)), of(twin.entity(port)))
    };
    let halves =
        twin.half_links(layer).into_iter().filter(|(k, _)| a.has(twin, &k.from) && b.has(twin, &k.to));
    for (key, half) in halves {
        let reason = |source: &str, says: &str, seen| Reason {
            layer: word,
            from: printed(&key.from),
            to: Some(printed(&key.to)),
            state: Some(half.state.to_string()),
            cost: (layer == Layer::Igp).then_some(half.metric),
            source: source.to_owned(),
            says: says.to_owned(),
            seen,
            freshness: half.freshness.map(|f| f.state),
        };
        if half.evidence.is_empty() {
            let says = match half.freshness.map(|f| f.state) {
                Some(FreshnessState::Expired) => "nothing is heard in this direction any more",
                _ => "nothing was heard in this direction",
            };
            reasons.push(reason("", says, half.freshness.and_then(|f| f.heard_at)));
        }
        for e in &half.evidence {
            let seen = (e.seen_at != WallTime::default()).then_some(e.seen_at);
            reasons.push(reason(&e.source, &e.detail, seen));
        }
    }
}
