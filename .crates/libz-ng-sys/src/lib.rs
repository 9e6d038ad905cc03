//! The eleven functions of zlib-ng that flate2 calls, answered by `libz-rs-sys` (zlib in pure Rust).
//!
//! pingora-core switches on flate2's `zlib-ng` feature, whose real `-sys` crate builds C with cmake. A fresh
//! machine has no cmake, so the workspace's `[patch.crates-io]` puts this crate in its place. It touches nothing
//! but the layout of one struct: flate2 expects `zalloc` and `zfree` to be plain function pointers, libz-rs-sys
//! declares them as `Option`s of the same, and an `Option` of a function pointer has the pointer's own layout.

#![allow(non_camel_case_types, non_snake_case)]
// `z_size` and `z_checksum` below have zlib's own names and widths.
#![deny(unsafe_op_in_unsafe_fn)]

use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

pub use libz_rs_sys::{
    Z_BLOCK, Z_BUF_ERROR, Z_DATA_ERROR, Z_DEFAULT_STRATEGY, Z_DEFLATED, Z_FINISH, Z_FULL_FLUSH,
    Z_MEM_ERROR, Z_NEED_DICT, Z_NO_FLUSH, Z_OK, Z_PARTIAL_FLUSH, Z_STREAM_END, Z_STREAM_ERROR,
    Z_SYNC_FLUSH, zlibVersion,
};

pub type uInt = c_uint;
pub type z_size = c_ulong;
pub type z_checksum = c_ulong;

pub type alloc_func = unsafe extern "C" fn(*mut c_void, c_uint, c_uint) -> *mut c_void;
pub type free_func = unsafe extern "C" fn(*mut c_void, *mut c_void);

/// zlib's stream state as flate2 fills it in.
#[derive(Debug)]
#[repr(C)]
pub struct z_stream {
    pub next_in: *mut u8,
    pub avail_in: uInt,
    pub total_in: z_size,
    pub next_out: *mut u8,
    pub avail_out: uInt,
    pub total_out: z_size,
    pub msg: *mut c_char,
    pub state: *mut c_void,
    pub zalloc: alloc_func,
    pub zfree: free_func,
    pub opaque: *mut c_void,
    pub data_type: c_int,
    pub adler: z_checksum,
    pub reserved: c_ulong,
}

// The forwarding below is right only while both structs have one layout.
const _: () = {
    assert!(size_of::<z_stream>() == size_of::<libz_rs_sys::z_stream>());
    assert!(align_of::<z_stream>() == align_of::<libz_rs_sys::z_stream>());
    assert!(
        core::mem::offset_of!(z_stream, zalloc) == core::mem::offset_of!(libz_rs_sys::z_stream, zalloc)
    );
    assert!(
        core::mem::offset_of!(z_stream, adler) == core::mem::offset_of!(libz_rs_sys::z_stream, adler)
    );
};

macro_rules! forward {
    ($($name:ident($($arg:ident: $kind:ty),*);)*) => {$(
        /// # Safety
        /// As zlib's function of this name: `stream` points to a valid, initialised stream.
        pub unsafe extern "C" fn $name(stream: *mut z_stream, $($arg: $kind),*) -> c_int {
            unsafe { libz_rs_sys::$name(stream.cast(), $($arg),*) }
        }
    )*};
}

forward! {
    deflate(flush: c_int);
    deflateEnd();
    deflateReset();
    deflateInit2_(level: c_int, method: c_int, window_bits: c_int, memory: c_int, strategy: c_int,
        version: *const c_char, size: c_int);
    deflateParams(level: c_int, strategy: c_int);
    deflateSetDictionary(dictionary: *const u8, length: uInt);
    inflate(flush: c_int);
    inflateEnd();
    inflateReset2(window_bits: c_int);
    inflateInit2_(window_bits: c_int, version: *const c_char, size: c_int);
    inflateSetDictionary(dictionary: *const u8, length: uInt);
}
