//! An accent colour that everybody can read: checked by the formula of WCAG 2.2 (1.4.3, level AA).
//!
//! Guarantees:
//! - on paper and card the accent has the contrast of text, in light; in dark it is lightened until it has
//! - what stands on the accent is black or white, whichever can be read

use std::fmt;

/// The contrast that text needs.
const AA: f64 = 4.5;
/// The page's paper and card, as `style.css` has them.
const LIGHT: [Colour; 2] = [Colour([0xf4, 0xf1, 0xe9]), Colour([0xff, 0xfd, 0xf8])];
const DARK: [Colour; 2] = [Colour([0x14, 0x12, 0x0f]), Colour([0x1e, 0x1b, 0x17])];
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Colour {
    /// Reads `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
        let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self([channel(0)?, channel(2)?, channel(4)?]))
    }

    /// The relative luminance, 0 to 1.
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast of two colours, 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(two) / one.min(two)
    }

    fn lowest(self, grounds: [Self; 2]) -> f64 {
        self.contrast(grounds[0]).min(self.contrast(grounds[1]))
    }

    /// The nearest colour on the way to another one that can be read on both grounds; that one at the end.
    fn towards(self, end: Self, grounds: [Self; 2]) -> Self {
        let mixed = |percent: u32| {
            let mix = |from: u8, to: u8| (u32::from(from) * (100 - percent) + u32::from(to) * percent) / 100;
            let channel = |at: usize| u8::try_from(mix(self.0[at], end.0[at])).unwrap_or(u8::MAX);
            Self([channel(0), channel(1), channel(2)])
        };
        (0..=100).map(mixed).find(|colour| colour.lowest(grounds) >= AA).unwrap_or(end)
    }

    fn ink(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }
}

/// An accent that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    light: Colour,
    dark: Colour,
}

/// An accent that cannot.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{colour} has a contrast of {contrast:.1} on the page's paper, and text needs 4.5 (WCAG AA)")]
pub struct TooFaint {
    colour: Colour,
    contrast: f64,
    /// A darker one that can be read.
    pub instead: Colour,
}

impl Accent {
    /// The accent of a colour, as it is in light.
    ///
    /// # Errors
    /// It cannot be read on the page's paper.
    pub fn of(colour: Colour) -> Result<Self, TooFaint> {
        let contrast = colour.lowest(LIGHT);
        if contrast < AA {
            return Err(TooFaint { colour, contrast, instead: colour.towards(BLACK, LIGHT) });
        }
        Ok(Self { light: colour, dark: colour.towards(WHITE, DARK) })
    }

    /// The style sheet's part for it.
    pub(super) fn style(self) -> String {
        let Self { light, dark } = self;
        // The panel of a called fan has white text in light and dark.
        format!(
            ":root{{--accent:{light};--on-accent:{};--call:{light}}}.called .main{{color:{light}}}\
             @media (prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{}}}}}",
            light.ink(),
            dark.ink()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).expect("a colour")
    }

    #[test]
    fn contrasts_are_those_of_the_standard() {
        // Values of the formula's own examples, and of the shipped palette.
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        assert!((colour("#767676").contrast(WHITE) - 4.54).abs() < 0.01);
        assert!((colour("#777777").contrast(WHITE) - 4.48).abs() < 0.01);
        for text in ["", "#fff", "767676", "#76767g", "#7676760", "#ä6767"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
        assert_eq!(colour("#B3341b").to_string(), "#b3341b");
    }

    #[test]
    fn an_accent_is_readable_in_light_and_dark_or_another_one_is_named() {
        for red in (0..=255).step_by(51) {
            for green in (0..=255).step_by(51) {
                for blue in (0..=255).step_by(51) {
                    let wanted = Colour([red, green, blue]);
                    let accent = Accent::of(wanted).unwrap_or_else(|faint| {
                        assert!(faint.to_string().contains("WCAG AA") && faint.contrast < AA, "{faint}");
                        Accent::of(faint.instead).expect("what is proposed can be read")
                    });
                    assert!(accent.light.lowest(LIGHT) >= AA && accent.dark.lowest(DARK) >= AA, "{accent:?}");
                    for ground in [accent.light, accent.dark] {
                        assert!(ground.contrast(ground.ink()) >= AA, "{accent:?}");
                    }
                    assert!(accent.light.contrast(WHITE) >= AA, "a called fan reads white on it: {accent:?}");
                }
            }
        }
        assert_eq!(Accent::of(colour("#b3341b")).expect("ours").light, colour("#b3341b"));
    }

    #[test]
    fn the_grounds_are_those_of_the_style_sheet() {
        let style = include_str!("../../pages/waiting/style.css");
        for (name, [light, dark]) in [("--paper", [LIGHT[0], DARK[0]]), ("--card", [LIGHT[1], DARK[1]])] {
            let lines: Vec<&str> = style.lines().filter(|line| line.trim_start().starts_with(name)).collect();
            let said = [light, dark].map(|colour| format!("{name}: {colour};"));
            assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>(), said, "{name}");
        }
    }
}
