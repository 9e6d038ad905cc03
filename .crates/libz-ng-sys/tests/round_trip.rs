//! flate2 on this crate gives back what it was given.

use std::io::{Read, Write};

#[test]
fn gzip_gives_back_what_it_was_given() {
    let mut state = 7_u32;
    let text: Vec<u8> = (0..4 << 20)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"tidegate"[(state >> 29) as usize]
        })
        .collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&text).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < text.len() / 2);
    let mut back = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
    assert!(back == text);
}

#[test]
fn broken_input_is_an_error_and_no_crash() {
    let mut back = Vec::new();
    assert!(flate2::read::GzDecoder::new(&[31, 139, 8, 0, 1, 2, 3][..]).read_to_end(&mut back).is_err());
}
