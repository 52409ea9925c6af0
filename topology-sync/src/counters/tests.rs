//! Counters of every form on the recorded lab.

use std::path::Path;

use twin::{Layer, Twin};

use super::rate::{Rate, rates};
use super::*;
use crate::source::files;

fn lab() -> Twin {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/lab-a/full");
    files::open(&folder, &files::Options::default()).unwrap().twin
}

fn told(rates: &[Rate]) -> Vec<String> {
    rates
        .iter()
        .map(|r| format!("{} {:?} {} bit/s over {} s", r.interface, r.direction, r.bps, r.seconds))
        .collect()
}

#[test]
fn prometheus_counters_by_exporter() {
    let text = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"ifHCInOctets","instance":"10.0.0.1:9116","ifName":"eth1","ifIndex":"2"},
         "values":[[100,"1000"],[160,"7000"],[220,"13000"]]},
        {"metric":{"__name__":"node_network_transmit_bytes_total","instance":"r2:9100","device":"eth1"},
         "values":[[100.5,"0"],[110.5,"1e+06"]]},
        {"metric":{"__name__":"node_network_transmit_packets_total","instance":"r2:9100","device":"eth1"},
         "values":[[100.5,"0"],[110.5,"9"]]},
        {"metric":{"direction":"out","node":"r3","interface":"eth1"},"values":[[1,"5"],[2,"NaN"],[3,"7"]]}]}}"#;
    let (rates, diagnostics) = rates(read("p.json", text.as_bytes()).unwrap());
    assert_eq!(
        told(&rates),
        [
            "10.0.0.1:9116 eth1 In 800 bit/s over 120 s",
            "r2:9100 eth1 Out 800000 bit/s over 10 s",
            "r3 eth1 Out 6 bit/s over 2 s",
        ]
    );
    assert_eq!(diagnostics, []);
    let twin = lab();
    let placed = place::place(&twin, Layer::Igp, &rates);
    assert_eq!(placed.unmatched, []);
    let (r1, r2) = (&twin.node_named("r1").unwrap().key, &twin.node_named("r2").unwrap().key);
    let port = |node| twin::EntityKey::port(node, "eth1");
    let key = twin::HalfLinkKey { layer: Layer::Igp, from: port(r2), to: port(r1) };
    let both = place::Measured { sent: Some(800_000.0), received: Some(800.0) };
    assert_eq!(placed.measured.get(&key), Some(&both), "both ends of one half-link");
}

#[test]
fn wraps_are_added_resets_are_left_out() {
    let text = "node,time,ifName,ifInOctets,ifHCOutOctets,sysUpTime\n\
                r1,0,eth1,4294967000,1000,500\n\
                r1,60,eth1,704,2000,6500\n\
                r1,120,eth1,1704,500,12500\n\
                r1,180,eth1,2704,1500,100\n\
                r1,240,eth1,3704,2500,6100\n";
    let (rates, diagnostics) = rates(read("s.csv", text.as_bytes()).unwrap());
    // In: 1000 octets a minute, wrapped in the first; the restart's minute is left out. Out: set back in the second.
    let of = |bps: f64| 1000.0 * 8.0 / 60.0 - bps;
    assert_eq!(rates.len(), 2);
    assert!(of(rates[0].bps).abs() < 1e-9 && rates[0].seconds == 180.0, "{rates:?}");
    assert!(of(rates[1].bps).abs() < 1e-9 && rates[1].seconds == 120.0, "{rates:?}");
    let counted: Vec<_> = diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
    assert_eq!(counted, [("counter-wrap", 1), ("counter-reset", 3)]);
}

#[test]
fn a_32_bit_counter_that_would_have_run_too_fast_was_set_back() {
    let text =
        |seconds: u32| format!("node,time,port,ifInOctets\nr1,0,e,4000000000\nr1,{seconds},e,3999999999\n");
    let (fast, why) = rates(read("s.csv", text(2).as_bytes()).unwrap());
    assert_eq!(
        (fast.len(), why[0].code.as_str(), why[1].code.as_str()),
        (0, "counter-reset", "counter-read-once")
    );
    assert_eq!(rates(read("s.csv", text(4).as_bytes()).unwrap()).0.len(), 1);
}

#[test]
fn samples_of_the_kernel_and_why_some_do_not_fit() {
    let twin = lab();
    let link =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/lab-a/full/r1/ip-link.json"));
    let before: serde_json::Value = serde_json::from_slice(&link.unwrap()).unwrap();
    let mut after = before.clone();
    for link in after.as_array_mut().unwrap() {
        for side in ["rx", "tx"] {
            let bytes = link["stats64"][side]["bytes"].as_u64().unwrap();
            link["stats64"][side]["bytes"] = (bytes + 1_250_000).into();
        }
    }
    let file = serde_json::json!({ "format": kernel::FORMAT, "samples": [
        { "node": "r1", "at": 10.0, "links": before }, { "node": "r1", "at": 20.0, "links": after },
        { "node": "r7", "at": 10.0, "links": before }, { "node": "r7", "at": 20.0, "links": after },
    ]});
    let (rates, _) = rates(read("k.json", file.to_string().as_bytes()).unwrap());
    let placed = place::place(&twin, Layer::Igp, &rates);
    assert_eq!(placed.measured.len(), 6, "three cables of r1 with an IGP, both ways");
    assert!(placed.measured.values().all(|m| m.bps() == Some(1e6)));
    let whys: std::collections::BTreeSet<_> =
        placed.unmatched.iter().map(|u| format!("{}: {}", u.interface, u.why)).collect();
    assert!(!whys.iter().any(|why| why.starts_with("r1 lo")), "{whys:?}");
    assert!(whys.contains("r7 eth1: no node 'r7'; did you mean 'r1'?"), "{whys:?}");
}

#[test]
fn a_port_is_found_by_index_hardware_address_or_description_when_its_name_differs() {
    let twin = lab();
    let rows = [
        ("ifIndex", "2", Ok("eth1")),
        ("mac", "36:10:49:46:1c:a2", Ok("eth3")),
        ("alias", "to r4", Ok("eth2")),
        ("port", "eth", Err("no such port of 'r1'; did you mean 'eth1'?")),
    ];
    for (column, cell, expected) in rows {
        let text = format!("node,{column},out_bps\nr1,{cell},5\n");
        let placed = place::place(&twin, Layer::Igp, &rates(read("c.csv", text.as_bytes()).unwrap()).0);
        let found = placed.measured.keys().next().map(|key| twin.entity(&key.from).unwrap().name.clone());
        let why = placed.unmatched.first().map(|u| u.why.clone());
        assert_eq!(found.ok_or(why.unwrap_or_default()), expected.map(str::to_owned).map_err(str::to_owned));
    }
}

#[test]
fn errors_say_where() {
    let errors = [
        "",
        "node,time,port\nr1,0,e\n",
        "node,port,in_octets\nr1,e,1\n",
        "node,time,port,in_octets\nr1,0,e,1\nr1,1,e,many\n",
        "node,port,in_bps\nr1,e,-1\n",
        "{\"status\":\"error\",\"error\":\"bad_data: parse error\"}",
        "{\"format\":\"umbra-ip-link/2\"}",
        "{\"format\":\"umbra-ip-link/1\",\"samples\":[{\"node\":\"r1\"}]}",
        "{\"status\":\"success\",\"data\":{\"result\":[{\"metric\":{\"__name__\":\"ifHCInOctets\"},\"value\":[1]}]}}",
    ];
    let mut text: Vec<_> = errors.iter().map(|t| read("c", t.as_bytes()).unwrap_err().to_string()).collect();
    text.push(read("c", b"PAR1\x15\x80").unwrap_err().to_string());
    expect_test::expect![[r#"
        c: an empty file; expected counters as JSON, or as CSV with a header: node, port, time, in_octets, out_octets, or node, port, in_bps, out_bps
        c:1: no column in_octets, out_octets, in_bps or out_bps; expected counters as JSON, or as CSV with a header: node, port, time, in_octets, out_octets, or node, port, in_bps, out_bps
        c:1: no column time; expected counters as JSON, or as CSV with a header: node, port, time, in_octets, out_octets, or node, port, in_bps, out_bps
        c:3: 'many'; expected a count, a whole number from 0 on
        c:2: '-1'; expected a rate in bit/s, 0 or more
        c: bad_data: parse error; expected an answer of Prometheus' API with status 'success', or samples of format umbra-ip-link/1
        c: format 'umbra-ip-link/2'; expected format 'umbra-ip-link/1'
        c: sample 0 without at; expected node (text), at (seconds since 1970), links (a list)
        c: series 0: the point [1]; expected [seconds, "number"]
        c: byte 5: byte 0x80 is not UTF-8: it looks like a Parquet table; expected counters as JSON, or as CSV with a header: node, port, time, in_octets, out_octets, or node, port, in_bps, out_bps"#]].assert_eq(&text.join("\n"));
}
