//! A text as a QR code, drawn by a page as one path of an SVG.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;

/// A QR code without its margin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Picture {
    /// Squares a side.
    pub size: u8,
    /// The dark squares: a path of SVG in units of one square.
    pub path: String,
}

/// The picture of a text; `None` where it is too long for any code.
#[must_use]
pub fn picture(text: &str) -> Option<Picture> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                path += &format!("M{from} {y}h{}v1h-{}z", x - from, x - from);
            }
            x += 1;
        }
    }
    Some(Picture { size: u8::try_from(code.size()).ok()?, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a picture of the path, and reads it.
    fn photographed(path: &str, size: usize) -> String {
        const PIXELS: usize = 6;
        let side = (size + 8) * PIXELS;
        let mut picture = vec![255; side * side];
        for run in path.split('M').skip(1) {
            let (corner, rest) = run.split_once('h').expect("a run");
            let (x, y) = corner.split_once(' ').expect("a corner");
            let length = rest.split('v').next().expect("a length");
            let [x, y, length] = [x, y, length].map(|number| number.parse::<usize>().expect("a number"));
            for row in (y + 4) * PIXELS..(y + 5) * PIXELS {
                picture[row * side..][(x + 4) * PIXELS..(x + 4 + length) * PIXELS].fill(0);
            }
        }
        let mut camera = quircs::Quirc::default();
        let code = camera.identify(side, side, &picture).next().expect("a code is seen").expect("whole");
        String::from_utf8(code.decode().expect("it can be read").payload).expect("text")
    }

    #[test]
    fn an_address_is_a_code_that_a_camera_reads() {
        let address = "https://tickets.example/.fairgate/final/move#AQIDBAUGBwgJCgsMDQ4PEBESExQ";
        let Picture { size, path } = picture(address).expect("a code");
        // 73 bytes with a quarter that may be lost: version 5.
        assert_eq!(size, 37);
        assert!(path.len() < 12_000);
        assert_eq!(photographed(&path, usize::from(size)), address);
        assert_eq!(picture(&"x".repeat(3_000)), None);
    }
}
