//! Tag expressions: `@slow and not (@nightly or @breaks:stale-contact)`.

/// Which scenarios are meant, by their tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagExpression {
    /// The scenario, its rule, its feature or its examples carry the tag.
    Tag(String),
    /// The inner one doesn't hold.
    Not(Box<TagExpression>),
    /// Both hold.
    And(Box<TagExpression>, Box<TagExpression>),
    /// One of them holds.
    Or(Box<TagExpression>, Box<TagExpression>),
}

/// Where a tag expression can't be read, and why. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing stands where a tag should.
    #[error("column {column}: a tag should stand here, and the expression ends")]
    Ends {
        /// Where.
        column: usize,
    },
    /// Something else stands where a tag should.
    #[error("column {column}: `{found}` stands where a tag should; a tag begins with @")]
    NotATag {
        /// Where.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// Two tags with no word between them.
    #[error("column {column}: `{found}` stands where `and`, `or` or the end should")]
    NoJoint {
        /// Where.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A parenthesis that isn't closed.
    #[error("column {column}: this parenthesis is never closed")]
    Open {
        /// Where it opens.
        column: usize,
    },
    /// A lone `@`.
    #[error("column {column}: a tag needs a name after the @")]
    Nameless {
        /// Where.
        column: usize,
    },
}

impl TagExpression {
    /// Does a scenario with these tags (without their `@`) belong to what is meant?
    pub fn holds(&self, tags: &[String]) -> bool {
        match self {
            TagExpression::Tag(tag) => tags.contains(tag),
            TagExpression::Not(inner) => !inner.holds(tags),
            TagExpression::And(one, other) => one.holds(tags) && other.holds(tags),
            TagExpression::Or(one, other) => one.holds(tags) || other.holds(tags),
        }
    }
}

impl std::str::FromStr for TagExpression {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let mut reader = Reader { words: words(text), next: 0, end_column: text.chars().count() + 1 };
        let expression = reader.either()?;
        match reader.peek() {
            None => Ok(expression),
            Some(word) => Err(TagError::NoJoint { column: word.column, found: word.text.clone() }),
        }
    }
}

struct Word {
    text: String,
    column: usize,
}

/// Parentheses are words of their own; everything else is parted by white space.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (index, sign) in text.chars().enumerate() {
        match sign {
            '(' | ')' => {
                words.push(Word { text: sign.to_string(), column: index + 1 });
                open = false;
            }
            _ if sign.is_whitespace() => open = false,
            _ => match words.last_mut() {
                Some(word) if open => word.text.push(sign),
                _ => {
                    words.push(Word { text: sign.to_string(), column: index + 1 });
                    open = true;
                }
            },
        }
    }
    words
}

struct Reader {
    words: Vec<Word>,
    next: usize,
    end_column: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.next)
    }

    fn take_if(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.text == text);
        self.next += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<TagExpression, TagError> {
        let mut left = self.both()?;
        while self.take_if("or") {
            left = TagExpression::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<TagExpression, TagError> {
        let mut left = self.one()?;
        while self.take_if("and") {
            left = TagExpression::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<TagExpression, TagError> {
        if self.take_if("not") {
            return Ok(TagExpression::Not(Box::new(self.one()?)));
        }
        let Some(word) = self.peek() else { return Err(TagError::Ends { column: self.end_column }) };
        let (text, column) = (word.text.clone(), word.column);
        self.next += 1;
        if text == "(" {
            let inner = self.either()?;
            if self.take_if(")") {
                return Ok(inner);
            }
            return Err(match self.peek() {
                None => TagError::Open { column },
                Some(word) => TagError::NoJoint { column: word.column, found: word.text.clone() },
            });
        }
        match text.strip_prefix('@') {
            Some("") => Err(TagError::Nameless { column }),
            Some(tag) => Ok(TagExpression::Tag(tag.to_owned())),
            None => Err(TagError::NotATag { column, found: text }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(expression: &str, tags: &[&str]) -> bool {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        expression.parse::<TagExpression>().unwrap().holds(&tags)
    }

    #[test]
    fn and_binds_closer_than_or_and_not_closest() {
        assert!(holds("@a or @b and @c", &["a"]));
        assert!(!holds("(@a or @b) and @c", &["a"]));
        assert!(holds("not @a and @b", &["b"]));
        assert!(!holds("not (@a or @b)", &["b"]));
        assert!(holds("@a and not (@b or @c)", &["a", "d"]));
        assert!(!holds("@a and not (@b or @c)", &["a", "c"]));
    }

    #[test]
    fn a_tag_may_hold_colons_and_dashes() {
        assert!(holds("@breaks:no-stale-contact", &["breaks:no-stale-contact"]));
    }

    #[test]
    fn an_error_names_its_column_and_what_stands_there() {
        let errors: Vec<String> =
            ["", "@a and", "a and @b", "@a @b", "(@a or @b", "@a or @", "@a)", "@a und @b", "not"]
                .iter()
                .map(|text| format!("{text:12} {}", text.parse::<TagExpression>().unwrap_err()))
                .collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
                     column 1: a tag should stand here, and the expression ends
        @a and       column 7: a tag should stand here, and the expression ends
        a and @b     column 1: `a` stands where a tag should; a tag begins with @
        @a @b        column 4: `@b` stands where `and`, `or` or the end should
        (@a or @b    column 1: this parenthesis is never closed
        @a or @      column 7: a tag needs a name after the @
        @a)          column 3: `)` stands where `and`, `or` or the end should
        @a und @b    column 4: `und` stands where `and`, `or` or the end should
        not          column 4: a tag should stand here, and the expression ends
        ");
    }
}
