//! `fairgate room top`: a room live, in the terminal.

use std::collections::VecDeque;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use super::print::{apart, leak, phase, plain};
use crate::admin::{Client, ClientError, RoomState};
use fairgate_telemetry::clock::JUMP_MS;

/// A look a second, and in between so many looks at the keys.
const KEYS_EVERY: Duration = Duration::from_millis(100);
const KEYS: usize = 10;
/// Seconds that the curves show.
const SECONDS: usize = 300;

/// What is on the screen.
#[derive(Default)]
struct Screen {
    room: Option<RoomState>,
    error: Option<String>,
    active: VecDeque<u64>,
    /// Let in, second by second.
    admitted: VecDeque<u64>,
}

/// Shows the room until q, Escape or Ctrl-C.
///
/// # Errors
/// The terminal cannot be used.
pub(super) async fn run(client: &Client, room: &str) -> anyhow::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, client, room).await;
    ratatui::restore();
    shown
}

async fn show(terminal: &mut DefaultTerminal, client: &Client, room: &str) -> anyhow::Result<()> {
    let mut screen = Screen::default();
    loop {
        screen.take(client.show(room).await);
        for _ in 0..KEYS {
            // Also after the window has got another size.
            terminal.draw(|frame| screen.draw(frame))?;
            if is_quit()? {
                return Ok(());
            }
        }
    }
}

/// Waits for a key, for a moment.
fn is_quit() -> std::io::Result<bool> {
    let mut patience = KEYS_EVERY;
    while event::poll(std::mem::take(&mut patience))? {
        if let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if is_ctrl_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl Screen {
    fn take(&mut self, answer: Result<RoomState, ClientError>) {
        match answer {
            Ok(room) => {
                let before = self.room.as_ref().map_or(room.admitted, |before| before.admitted);
                push(&mut self.admitted, room.admitted.saturating_sub(before));
                push(&mut self.active, room.active);
                (self.room, self.error) = (Some(room), None);
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let areas = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(8),
            Constraint::Length(3),
            Constraint::Min(4),
            Constraint::Min(4),
            Constraint::Length(1),
        ]);
        let [title, facts, sessions, active, admitted, foot] = areas.areas(frame.area());
        let Some(room) = &self.room else {
            let text = self.error.as_deref().unwrap_or("asking …");
            return frame.render_widget(Paragraph::new(text), frame.area());
        };
        let heading = format!("{} ({})  {}", plain(&room.title), room.name, phase(room));
        frame.render_widget(Line::from(heading).bold(), title);
        frame.render_widget(Paragraph::new(facts_of(room)), facts);
        frame.render_widget(gauge(room), sessions);
        frame.render_widget(curve("inside", &self.active), active);
        frame.render_widget(curve("let in, a second", &self.admitted), admitted);
        let clock = room.clock_jump_ms.or(room.clock_skew_ms.filter(|skew_ms| skew_ms.unsigned_abs() > JUMP_MS));
        let clock = clock.map(|ahead_ms| format!("a clock is {} (fairgate room clock)", apart(ahead_ms)));
        let trouble = self.error.clone().or(clock);
        let foot_text = trouble.as_deref().unwrap_or("q quits");
        let style = if trouble.is_some() { Style::new().fg(Color::Red) } else { Style::new().dim() };
        frame.render_widget(Line::from(foot_text).style(style), foot);
    }
}

fn facts_of(room: &RoomState) -> Vec<Line<'static>> {
    let RoomState { rate_per_minute, max_active, waiting, serving, line_size, outstanding, expected, .. } = room;
    let RoomState { expired, honoured, left, admitted, target_ms, .. } = room;
    let mode = format!("{:?}", room.mode).to_lowercase();
    [
        format!("leak      {}", leak(room)),
        format!("set       {rate_per_minute} a minute, {max_active} sessions; {mode}, target {target_ms} ms"),
        format!("line      {line_size} places, {serving} called, {waiting} waiting"),
        format!("called    {outstanding} not yet in, {expected} of them expected"),
        format!("gone      {expired} too late, {honoured} of those let in, {left} gave up"),
        format!("let in    {admitted}"),
        format!("message   {}", room.message.as_deref().map_or_else(|| "none".into(), plain)),
    ]
    .map(Line::from)
    .into()
}

fn gauge(room: &RoomState) -> Gauge<'static> {
    let (active, most) = (room.active, room.max_active_now.max(1));
    let label = format!("{active} of {} sessions", room.max_active_now);
    let colour = if active >= most { Color::Yellow } else { Color::Green };
    let ratio = (active as f64 / most as f64).min(1.0);
    Gauge::default().block(Block::bordered()).gauge_style(colour).ratio(ratio).label(label)
}

fn curve<'a>(title: &'static str, values: &'a VecDeque<u64>) -> Sparkline<'a> {
    let latest = values.back().copied().unwrap_or(0);
    Sparkline::default().block(Block::bordered().title(format!("{title}: {latest}"))).data(values.iter().copied())
}

fn push(values: &mut VecDeque<u64>, value: u64) {
    if values.len() == SECONDS {
        values.pop_front();
    }
    values.push_back(value);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::admin::testing::{TOKEN_VIEWER, TestEdge};
    use crate::config::Secret;

    fn text(screen: &Screen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(90, 30)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[tokio::test]
    async fn shows_the_room_and_what_holds_it_back() {
        let edge = TestEdge::start().await;
        let client = Client::new(&edge.url, Secret::new(TOKEN_VIEWER.into()));
        let mut screen = Screen::default();
        assert!(text(&screen).contains("asking"));
        screen.take(client.show("final").await);
        let shown = text(&screen);
        for part in
            ["Cup final (final)  serving", "limited by demand", "0 of 1000 sessions", "q quits", "fixed, target 500 ms"]
        {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
        screen.take(client.show("nowhere").await);
        assert!(text(&screen).contains("no room named"), "{}", text(&screen));
    }
}
