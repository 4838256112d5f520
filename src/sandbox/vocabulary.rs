//! Words that many customers share (tiers, tier ids, statuses), each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::customer::Field;

/// A word's number in its [`Vocabulary`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u32);

/// Every word that was ever used, with the JSON it is written as.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: Vec<(Arc<Field<String>>, String)>,
    numbers: HashMap<Arc<Field<String>>, Word>,
}

impl Vocabulary {
    /// The number of `field`, given out on first sight.
    pub(super) fn word(&mut self, field: Field<String>) -> Word {
        if let Some(known) = self.numbers.get(&field) {
            return *known;
        }
        let word = Word(u32::try_from(self.words.len()).expect("fewer words than customers"));
        let json = match &field {
            Field::Absent => String::new(),
            Field::Null => "null".to_owned(),
            Field::Value(text) => serde_json::Value::from(text.as_str()).to_string(),
        };
        let field = Arc::new(field);
        self.words.push((field.clone(), json));
        self.numbers.insert(field, word);
        word
    }

    /// The field a word stands for.
    pub(super) fn field(&self, word: Word) -> &Field<String> {
        &self.words[word.0 as usize].0
    }

    /// The JSON of a word; empty where its key is to be left out.
    pub(super) fn json(&self, word: Word) -> &str {
        &self.words[word.0 as usize].1
    }
}
