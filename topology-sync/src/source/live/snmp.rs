//! SNMP agents, walked again and again (SNMPv2c).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use snmp2::{AsyncSession, Oid, Value};
use tokio::time::{MissedTickBehavior, interval, timeout};

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
pub(super) async fn converse(
    outlet: Outlet,
    agent: SocketAddr,
    community: String,
    every: Duration,
) -> io::Result<()> {
    let mut session = AsyncSession::new_v2c(agent, community.as_bytes(), 1).await?;
    let mut round = interval(every.max(Duration::from_secs(1)));
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        let mut walk = Walk { began: now(), ..Walk::default() };
        let mut result = Ok(());
        for root in ROOTS {
            result = below(&mut session, root, &mut walk.rows).await;
            if result.is_err() {
                break;
            }
        }
        walk.finished = result.is_ok();
        outlet.data(serde_json::to_vec(&walk)?).await;
        result?;
        outlet.mark(&Mark::Up).await;
    }
}

/// Everything below an object.
async fn below(
    session: &mut AsyncSession,
    root: &[u64],
    rows: &mut Vec<(Vec<u64>, Held)>,
) -> io::Result<()> {
    let mut last = root.to_vec();
    loop {
        let oid = Oid::from(&last).map_err(|_| io::Error::other("an object identifier too long"))?;
        let answer = timeout(PATIENCE, session.getbulk(&[&oid], 0, AT_ONCE)).await;
        let answer = answer
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
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
