//! A place on a wire: BMP and BGP that pass there, as observations and routes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use netgauze_bmp_pkt::v3::InitiationInformation;
use netgauze_bmp_pkt::{BmpMessage, v3, v4};
use twin::{Diagnostic, InputError, WallTime};

use super::listener::{Heard, Listener, What};
use super::recognise::Protocol;
use super::rib::Rib;
use super::router::Router;
use super::speakers::Speakers;
use crate::observation::{Observation, Observer};
use crate::wire::capture;

/// Listens to frames, and keeps what the routers and speakers that are heard say.
#[derive(Debug, Default)]
pub struct Tap {
    listener: Listener,
    sayings: Sayings,
}

#[derive(Debug, Default)]
struct Sayings {
    /// Routers by where they are and to which collector they report.
    routers: BTreeMap<(IpAddr, SocketAddr), Router>,
    /// The address that first went by a system name.
    names: BTreeMap<String, IpAddr>,
    speakers: Speakers,
    diagnostics: Vec<Diagnostic>,
}

impl Tap {
    /// Takes a frame of this link type, and tells what follows from it.
    pub fn frame(&mut self, at: WallTime, link_type: u16, bytes: &[u8], tell: &mut dyn FnMut(Observation)) {
        let Self { listener, sayings } = self;
        listener.frame(at, link_type, bytes, &mut |heard| sayings.take(&heard, tell));
    }

    /// Nothing more will come: tells what follows from the bytes that waited for missing ones.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Observation)) {
        let Self { listener, sayings } = self;
        listener.finish(&mut |heard| sayings.take(&heard, tell));
        if listener.forgotten() > 0 {
            let message = "more TCP conversations than are followed at once".to_owned();
            let code = "conversations-forgotten".to_owned();
            sayings.diagnostics.push(Diagnostic { code, message, count: listener.forgotten() });
        }
    }

    /// The routers that reported by BMP.
    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.sayings.routers.values()
    }

    /// The routers that reported by BMP, and nothing else.
    pub fn into_routers(self) -> impl Iterator<Item = Router> {
        self.sayings.routers.into_values()
    }

    /// The routes of each router and speaker.
    pub fn ribs(&self) -> impl Iterator<Item = (&Observer, &Rib)> {
        self.routers().map(|r| (r.observer(), r.rib())).chain(self.sayings.speakers.ribs())
    }

    /// What was odd.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let of_routers = self.routers().flat_map(Router::diagnostics);
        self.sayings.diagnostics.iter().chain(of_routers).cloned().collect()
    }
}

/// Listens to a whole capture.
///
/// # Errors
/// The damage that ends the capture; what came before it has been told.
pub fn read(file: &str, bytes: &[u8], tell: &mut dyn FnMut(Observation)) -> (Tap, Result<(), InputError>) {
    let mut tap = Tap::default();
    let end = capture::read(file, bytes, |r| tap.frame(r.at, r.link_type, r.data, tell));
    tap.finish(tell);
    (tap, end)
}

impl Sayings {
    fn take(&mut self, heard: &Heard<'_>, tell: &mut dyn FnMut(Observation)) {
        let Heard { at, from, to, what } = heard;
        match what {
            What::Bmp(message) => self.router(*from, *to, message).message(*at, message, tell),
            What::Bgp(message, guessed) => {
                if *guessed {
                    Diagnostic::count(&mut self.diagnostics, "bgp-without-open", || {
                        format!(
                            "an update from {from} to {to} was read without knowing what the two agreed on"
                        )
                    });
                }
                self.speakers.message(*at, *from, *to, message, tell);
            }
            What::End(Protocol::Bmp) => {
                if let Some(router) = self.routers.get_mut(&(from.ip(), *to)) {
                    router.lost();
                }
            }
            What::End(Protocol::Bgp) => self.speakers.closed(*at, *from, *to, tell),
            What::Damage(protocol, e) => {
                let code = match protocol {
                    Protocol::Bmp => "bmp-message",
                    Protocol::Bgp => "bgp-message",
                };
                Diagnostic::count(&mut self.diagnostics, code, || format!("from {from}: {e}"));
            }
            What::Gap(_, bytes) => Diagnostic::count(&mut self.diagnostics, "tcp-gap", || {
                format!("{bytes} bytes from {from} to {to} were not captured")
            }),
        }
    }

    fn router(&mut self, from: SocketAddr, to: SocketAddr, message: &BmpMessage) -> &mut Router {
        let Self { routers, names, .. } = self;
        routers.entry((from.ip(), to)).or_insert_with(|| Router::new(observer(names, from.ip(), message)))
    }
}

/// A router goes by the system name with which it introduces itself, or else by its address. Two addresses with one name
/// are two routers: names are no identities.
fn observer(names: &mut BTreeMap<String, IpAddr>, address: IpAddr, message: &BmpMessage) -> Observer {
    let (BmpMessage::V3(v3::BmpMessageValue::Initiation(m))
    | BmpMessage::V4(v4::BmpMessageValue::Initiation(m))) = message
    else {
        return Observer::node(&address.to_string());
    };
    let name = m.information().iter().find_map(|i| match i {
        InitiationInformation::SystemName(name) if !name.is_empty() => Some(name.to_string()),
        _ => None,
    });
    match name {
        None => Observer::node(&address.to_string()),
        Some(name) if *names.entry(name.clone()).or_insert(address) == address => Observer::node(&name),
        Some(name) => Observer::node(&format!("{name}@{address}")),
    }
}
