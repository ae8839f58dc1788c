//! The waiting page: templates, languages and their compressed, ready-to-send documents.
