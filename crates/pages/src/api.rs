//! The management API for people: every operation with what it takes and answers.

use std::sync::Arc;

use askama::Template;

use crate::Frame;

/// The page of the management API: what there is to ask for, and what a failure means.
#[derive(Debug, Template)]
#[template(path = "api.html")]
pub struct ApiPage {
    /// Around it.
    pub frame: Frame,
    /// What it shows.
    pub reference: Arc<ApiReference>,
}

impl ApiPage {
    fn at(&self, group: &ApiGroup) -> String {
        group.address(&self.frame)
    }
}

/// The page of one group: its operations, and what they take and answer.
#[derive(Debug, Template)]
#[template(path = "api_group.html")]
pub struct ApiGroupPage {
    /// Around it.
    pub frame: Frame,
    /// What it is a part of.
    pub reference: Arc<ApiReference>,
    /// Which of its groups.
    pub place: usize,
}

impl ApiGroupPage {
    fn group(&self) -> &ApiGroup {
        &self.reference.groups[self.place]
    }

    fn others(&self) -> impl Iterator<Item = &ApiGroup> {
        let groups = self.reference.groups.iter().enumerate();
        groups
            .filter(|(place, _)| *place != self.place)
            .map(|(_, group)| group)
    }

    fn at(&self, group: &ApiGroup) -> String {
        group.address(&self.frame)
    }

    fn failure(&self, status: &str) -> String {
        format!("{}#failure-{status}", self.frame.links.to("/-/api"))
    }
}

/// Everything that the management API can be asked for.
#[derive(Clone, Debug, Default)]
pub struct ApiReference {
    /// Below which all addresses are, for commands.
    pub base: String,
    /// What all operations have in common, as HTML that is our own.
    pub introduction: String,
    /// By what they are about.
    pub groups: Vec<ApiGroup>,
    /// What a failure's status means.
    pub failures: Vec<ApiAnswer>,
}

/// Operations that are about one thing.
#[derive(Clone, Debug, Default)]
pub struct ApiGroup {
    /// As the description calls it, such as `registries`.
    pub name: String,
    /// What it is.
    pub words: String,
    /// In the order of the description.
    pub operations: Vec<ApiOperation>,
    /// What they send and answer, and what stands in that, by name.
    pub shapes: Vec<ApiShape>,
}

impl ApiGroup {
    fn address(&self, frame: &Frame) -> String {
        frame.links.to(&format!("/-/api/{}", self.name))
    }

    /// Its name as a heading: `Service accounts`.
    pub fn title(&self) -> String {
        let name = self.name.replace('-', " ");
        let mut letters = name.chars();
        let first = letters.next();
        first
            .map(|letter| letter.to_uppercase().chain(letters).collect())
            .unwrap_or_default()
    }
}

/// Something that can be asked for.
#[derive(Clone, Debug, Default)]
pub struct ApiOperation {
    /// Its name, such as `registries.list`; also where it is on the page.
    pub id: String,
    /// Such as `GET`.
    pub method: String,
    /// With names in braces, below the base.
    pub path: String,
    /// In a sentence.
    pub summary: String,
    /// What else there is to say.
    pub details: Vec<String>,
    /// Who may ask, where that is not everybody with a token.
    pub audience: Option<String>,
    /// In the address and in the query.
    pub parameters: Vec<ApiField>,
    /// What is sent.
    pub body: Option<ApiBody>,
    /// When it went well.
    pub answers: Vec<ApiAnswer>,
    /// Statuses of failures.
    pub failures: Vec<String>,
    /// A command that asks for it.
    pub command: String,
}

/// What is sent.
#[derive(Clone, Debug, Default)]
pub struct ApiBody {
    /// Its shape.
    pub kind: ApiKind,
    /// One that the server takes, in lines.
    pub example: String,
}

/// A parameter, or a field of a shape.
#[derive(Clone, Debug, Default)]
pub struct ApiField {
    /// Its name.
    pub name: String,
    /// Whether it may not be left out.
    pub is_required: bool,
    /// What it can be.
    pub kind: ApiKind,
    /// What it means.
    pub words: String,
}

/// What a value can be.
#[derive(Clone, Debug, Default)]
pub struct ApiKind {
    /// In words, such as `list of`.
    pub words: String,
    /// The shape that the words end with.
    pub shape: Option<String>,
    /// What follows.
    pub rest: String,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct ApiAnswer {
    /// Its status.
    pub status: String,
    /// What it means.
    pub words: String,
    /// Its body.
    pub kind: ApiKind,
}

/// Something with a name that is sent or answered.
#[derive(Clone, Debug, Default)]
pub struct ApiShape {
    /// Its name; also where it is on the page.
    pub name: String,
    /// What it is.
    pub words: String,
    /// What it has, where it is an object; what others are is said by `kind`.
    pub fields: Vec<ApiField>,
    /// What it can be.
    pub kind: ApiKind,
}

/// A piece of a sentence: the text, and whether it is code.
fn pieces(sentence: &str) -> impl Iterator<Item = (&str, bool)> {
    let pieces = sentence.split('`').enumerate();
    pieces.map(|(place, piece)| (piece, place % 2 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        let found: Vec<_> = pieces("`limit` and `a<b` of it").collect();
        let expected = [
            ("", false),
            ("limit", true),
            (" and ", false),
            ("a<b", true),
            (" of it", false),
        ];
        assert_eq!(found, expected);
    }
}
