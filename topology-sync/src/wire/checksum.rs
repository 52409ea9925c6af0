//! The two checksums of routing protocols.

/// Whether the Internet checksum over these parts is right (RFC 1071). Only the last part may be of odd length.
pub(super) fn internet(parts: &[&[u8]]) -> bool {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u64::from(*b));
    let mut sum: u64 = parts.iter().flat_map(|p| p.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

/// Whether Fletcher's checksum over these bytes, which hold it, is right (ISO 8473 §6.11, RFC 2328 §12.1.7).
pub(super) fn fletcher(bytes: &[u8]) -> bool {
    let (mut c0, mut c1) = (0_u32, 0_u32);
    for byte in bytes {
        c0 = (c0 + u32::from(*byte)) % 255;
        c1 = (c1 + c0) % 255;
    }
    (c0, c1) == (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internet_checksum_of_rfc_1071_section_3() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert!(internet(&[&data, &[0x22, 0x0d]]));
        assert!(!internet(&[&data, &[0x22, 0x0e]]));
        assert!(internet(&[&[0xff, 0xff, 0x00]]), "an odd byte counts as the upper half");
    }

    #[test]
    fn fletcher_sees_an_exchange_of_bytes() {
        // The sums after each byte: (1, 1), (3, 4), (251, 255 = 0), (255 = 0, 0).
        assert!(fletcher(&[1, 2, 248, 4]));
        assert!(!fletcher(&[2, 1, 248, 4]));
    }
}
