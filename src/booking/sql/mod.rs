//! Every statement of the booking core, by name. Each file says what it does and what its parameters are.

macro_rules! statements {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(#[doc = concat!("`", $file, "`")] pub const $name: &str = include_str!($file);)*
        /// All of them with their file names, for the tests of their contract.
        pub const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

statements! {
    ANSWERED_GET = "answered_get.sql",
    ANSWERED_PUT = "answered_put.sql",
    BOOKING_CANCEL = "booking_cancel.sql",
    BOOKING_CONFIRM = "booking_confirm.sql",
    BOOKING_FIND = "booking_find.sql",
    BOOKING_GET = "booking_get.sql",
    BOOKING_KNOWN = "booking_known.sql",
    BOOKING_LIST = "booking_list.sql",
    BOOKING_LOCK = "booking_lock.sql",
    BOOKING_SHOW = "booking_show.sql",
    EVENT_ALL = "event_all.sql",
    EVENT_CREATE = "event_create.sql",
    EVENT_ROWS = "event_rows.sql",
    EVENT_SEATS = "event_seats.sql",
    EVENT_SECTIONS = "event_sections.sql",
    EVENT_TELL = "event_tell.sql",
    EVENT_EDIT = "event_edit.sql",
    EVENT_GET = "event_get.sql",
    FEED_HORIZON = "feed_horizon.sql",
    FEED_READ = "feed_read.sql",
    HOLD = "hold.sql",
    MAIL_DONE = "mail_done.sql",
    MAIL_DUE = "mail_due.sql",
    OUTBOX_MARK = "outbox_mark.sql",
    OUTBOX_PAGE = "outbox_page.sql",
    OUTBOX_PUBLISHED = "outbox_published.sql",
    PAYMENT_BEGIN = "payment_begin.sql",
    PAYMENT_CONFIRMED = "payment_confirmed.sql",
    PAYMENT_GET = "payment_get.sql",
    PAYMENT_LOOK = "payment_look.sql",
    PAYMENT_MOVE = "payment_move.sql",
    PAYMENT_OF_BOOKING = "payment_of_booking.sql",
    PAYMENT_PAGE = "payment_page.sql",
    PAYMENT_STEPS = "payment_steps.sql",
    PAYMENT_TAKE_UP = "payment_take_up.sql",
    PRUNE_ANSWERS = "prune_answers.sql",
    PRUNE_HAPPENINGS = "prune_happenings.sql",
    PRUNE_MAILS = "prune_mails.sql",
    PRUNE_STEPS = "prune_steps.sql",
    REFUND_TELL = "refund_tell.sql",
    RING = "ring.sql",
    ROW_CREATE = "row_create.sql",
    SEATS_CREATE = "seats_create.sql",
    SEAT_CLAIM = "seat_claim.sql",
    SEAT_LOCK = "seat_lock.sql",
    SEAT_READ = "seat_read.sql",
    SECTION_CREATE = "section_create.sql",
    SECTION_EDIT = "section_edit.sql",
    SESSION_LOCK = "session_lock.sql",
    SESSION_SEATS = "session_seats.sql",
    SWEEP = "sweep.sql",
    SWEEP_NEXT = "sweep_next.sql",
}
