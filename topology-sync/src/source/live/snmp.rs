//! SNMP agents, walked again and again (SNMPv2c).

use std::io;
use std::time::Duration;

use snmp2::{Oid, SyncSession, Value};

use super::config::{Snmp, seconds};
use super::netns::on_thread;
use super::outlet::{Outlet, now};
use crate::follow::Mark;
use crate::follow::snmp::{Held, ROOTS, Walk};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Objects asked for at once: an answer of 64 KiB holds them, a frame nearly always.
const AT_ONCE: u32 = 24;
/// More objects than any table here has.
const MOST: usize = 1_000_000;

/// Walks an agent's tables again and again.
///
/// # Errors
/// An agent that does not answer, or not as SNMP says. What was read till then is handed over as unfinished.
pub(super) async fn converse(outlet: Outlet, config: Snmp) -> io::Result<()> {
    on_thread(config.netns.clone(), move || walks(&outlet, &config)).await
}

fn walks(outlet: &Outlet, config: &Snmp) -> io::Result<()> {
    let community = config.community.as_bytes();
    let mut session = SyncSession::new_v2c(config.agent, community, Some(PATIENCE), 1)?;
    while !outlet.is_closed() {
        let mut walk = Walk { began: now(), ..Walk::default() };
        let result = ROOTS.iter().try_for_each(|root| below(&mut session, root, &mut walk.rows));
        walk.finished = result.is_ok();
        outlet.data_waiting(serde_json::to_vec(&walk)?);
        result?;
        outlet.mark_waiting(&Mark::Up);
        outlet.wait(seconds(config.every_s));
    }
    Ok(())
}

/// Everything below an object.
fn below(session: &mut SyncSession, root: &[u64], rows: &mut Vec<(Vec<u64>, Held)>) -> io::Result<()> {
    let mut last = root.to_vec();
    loop {
        let oid = Oid::from(&last).map_err(|_| io::Error::other("an object identifier too long"))?;
        let answer = session
            .getbulk(&[&oid], 0, AT_ONCE)
            .map_err(|e| io::Error::other(format!("the agent's answer: {e}")))?;
        let before = rows.len();
        for (oid, value) in answer.varbinds {
            let oid: Vec<u64> = oid.iter().map(Iterator::collect).unwrap_or_default();
            if !oid.starts_with(root) || matches!(value, Value::EndOfMibView) {
                return Ok(());
            }
            // An agent that goes back would be walked for ever.
            if oid <= last || rows.len() >= MOST {
                return Err(io::Error::other("the agent's objects do not rise"));
            }
            last.clone_from(&oid);
            rows.extend(held(value).map(|held| (oid, held)));
        }
        if rows.len() == before {
            return Ok(());
        }
    }
}

fn held(value: Value<'_>) -> Option<Held> {
    Some(match value {
        Value::Integer(n) => Held::Number(n),
        Value::Counter32(n) | Value::Unsigned32(n) | Value::Timeticks(n) => Held::Number(n.into()),
        Value::Counter64(n) => Held::Number(i64::try_from(n).unwrap_or(i64::MAX)),
        Value::OctetString(bytes) => Held::Bytes(bytes.to_vec()),
        Value::IpAddress(bytes) => Held::Bytes(bytes.to_vec()),
        _ => return None,
    })
}
