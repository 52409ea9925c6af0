//! Mirrored traffic in.
//!
//! A [`capture::Capture`] yields frames; [`decode`] finds their IP header; [`flows::FlowTracker`] gathers them into
//! flows with TCP's health; [`schedule`] turns them into packets that hosts of the twin send again.
//!
//! **Knows:** capture formats, link layers, tunnels, IP, what TCP's sequence numbers tell, and which address belongs to
//! which host.
//!
//! **Never knows:** how a device treats a packet, what the twin's topology is, what is normal. Files are opened in
//! [`source`] alone; everything else reads what it is given.
//!
//! ```
//! use umbra_mirror::capture::Capture;
//! use umbra_mirror::flows::{FlowOptions, FlowTracker};
//!
//! // A little-endian pcap of link type 101 (raw IP) with one UDP datagram from 10.0.0.1:53 to 10.0.0.2:5000.
//! let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x65\0\0\0");
//! file.extend(b"\x01\0\0\0\0\0\0\0\x1c\0\0\0\x1c\0\0\0");
//! file.extend(b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\0\x35\x13\x88\0\x08\0\0");
//!
//! let mut tracker = FlowTracker::new(FlowOptions::default());
//! Capture::new("example", file.as_slice())?.for_each(|frame| tracker.observe(&frame))?;
//! let flows = tracker.finish().flows;
//! assert_eq!((flows[0].proto().as_str(), flows[0].src_port, flows[0].bytes), ("udp", Some(53), 28));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod capture;
pub mod decode;
pub mod flows;
pub mod schedule;
pub mod source;
