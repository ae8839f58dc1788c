//! A camera: reads the QR code that a page shows.

use crate::chromium::Browser;

const PIXELS: usize = 6;

/// Reads a code as a camera would: from a picture of the last path of an SVG, with its margin of four squares.
pub(crate) async fn scan(browser: &Browser, svg: &str) -> String {
    let path = browser.eval(&format!("document.querySelector('{svg} path:last-child').getAttribute('d')")).await;
    let size = browser.eval(&format!("document.querySelector('{svg}').viewBox.baseVal.width - 8")).await;
    let (path, size) = (path.as_str().expect("a path").to_owned(), size.as_u64().expect("a size"));
    let side = (usize::try_from(size).expect("small") + 8) * PIXELS;
    let mut picture = vec![255; side * side];
    for run in path.split('M').skip(1) {
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let (at, rest) = run.split_once('h').expect("a run");
        let (x, y) = at.split_once(' ').map(|(x, y)| (number(x) + 4, number(y) + 4)).expect("a corner");
        let length = number(rest.split('v').next().expect("a length"));
        for row in y * PIXELS..(y + 1) * PIXELS {
            picture[row * side..][x * PIXELS..(x + length) * PIXELS].fill(0);
        }
    }
    let mut camera = quircs::Quirc::default();
    let code = camera.identify(side, side, &picture).next().expect("a code is seen").expect("whole");
    String::from_utf8(code.decode().expect("it can be read").payload).expect("text")
}
