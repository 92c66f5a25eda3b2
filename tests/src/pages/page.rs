//! The fenced blocks of a Markdown page, and the comments before them.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use thiserror::Error;

/// A Markdown page, with all its blocks of code in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its path in the repository.
    pub path: String,
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// The number of blocks, counted by the lines that open or close one: an independent check of `blocks`.
    pub fences: usize,
}

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of the page on which it begins, from 1.
    pub line: usize,
    /// The word after the opening fence; empty if there is none.
    pub language: String,
    /// The text between the fences.
    pub text: String,
    /// The comment directly before it.
    pub marker: Option<Marker>,
}

/// A comment about the block below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// `<!-- not run: REASON -->`
    NotRun(String),
    /// `<!-- run by .ci/run -->`
    RunByCi,
    /// `<!-- needs kafka -->`
    NeedsKafka,
}

/// A page that cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    /// A marker without its reason.
    #[error("{path}:{line}: `not run` without a reason; write <!-- not run: REASON -->")]
    NoReason {
        /// The page.
        path: String,
        /// The line of the comment.
        line: usize,
    },
}

impl Page {
    /// Reads the blocks of `text`, the page at `path`.
    ///
    /// # Errors
    ///
    /// When a marker has no reason.
    pub fn parse(path: &str, text: &str) -> Result<Self, PageError> {
        let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
        let mut blocks = Vec::new();
        let (mut marker, mut open) = (None, None::<Block>);
        for (event, range) in Parser::new(text).into_offset_iter() {
            if let Event::Html(html) = event {
                marker = Marker::parse(&html).map_err(|NoReason| PageError::NoReason {
                    path: path.to_owned(),
                    line: line_of(range.start),
                })?;
            } else if let Event::Start(Tag::CodeBlock(kind)) = event {
                open = Some(Block {
                    line: line_of(range.start),
                    language: match kind {
                        CodeBlockKind::Fenced(info) => first_word(&info),
                        CodeBlockKind::Indented => String::new(),
                    },
                    text: String::new(),
                    marker: marker.take(),
                });
            } else if let (Event::Text(part), Some(block)) = (&event, &mut open) {
                block.text.push_str(part);
            } else if event == Event::End(TagEnd::CodeBlock) {
                blocks.extend(open.take());
            } else if event != Event::Start(Tag::HtmlBlock)
                && event != Event::End(TagEnd::HtmlBlock)
            {
                // Anything else between a comment and a block separates them.
                marker = None;
            }
        }
        let fence_lines = text
            .lines()
            .filter(|line| line.trim_start().starts_with("```"));
        Ok(Self {
            path: path.to_owned(),
            blocks,
            fences: fence_lines.count().div_ceil(2),
        })
    }
}

fn first_word(info: &str) -> String {
    let end = info.find([' ', ',']).unwrap_or(info.len());
    info[..end].to_owned()
}

/// A marker that lacks its reason.
struct NoReason;

impl Marker {
    fn parse(html: &str) -> Result<Option<Self>, NoReason> {
        let comment = html.trim().strip_prefix("<!--");
        let Some(comment) = comment.and_then(|rest| rest.strip_suffix("-->")) else {
            return Ok(None);
        };
        match comment.trim() {
            "run by .ci/run" => Ok(Some(Self::RunByCi)),
            "needs kafka" => Ok(Some(Self::NeedsKafka)),
            other => match other.strip_prefix("not run") {
                None => Ok(None),
                Some(rest) => {
                    let reason = rest.trim_start_matches(':').trim();
                    if reason.is_empty() {
                        return Err(NoReason);
                    }
                    Ok(Some(Self::NotRun(reason.to_owned())))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Marker, Page, PageError};

    fn parse(text: &str) -> Page {
        Page::parse("page.md", text).expect("it is well formed")
    }

    #[test]
    fn every_fenced_block_is_found_with_its_line_language_and_text() {
        let page = parse(
            "# Title\n\n```console\n$ true\n```\n\n- item\n\n  ```rust,no_run\n  fn main() {}\n  ```\n",
        );
        let block = |line, language: &str, text: &str| Block {
            line,
            language: language.to_owned(),
            text: text.to_owned(),
            marker: None,
        };
        let expected = [
            block(3, "console", "$ true\n"),
            block(9, "rust", "fn main() {}\n"),
        ];
        assert_eq!(page.blocks, expected);
        assert_eq!(page.fences, 2);
    }

    #[test]
    fn marker_belongs_to_the_block_directly_below_it() {
        let page = parse(
            "<!-- not run: takes an hour -->\n```console\n$ slow\n```\n\n<!-- needs kafka -->\n\nText.\n\n```console\n$ true\n```\n",
        );
        let markers: Vec<_> = page.blocks.into_iter().map(|block| block.marker).collect();
        assert_eq!(
            markers,
            [Some(Marker::NotRun("takes an hour".to_owned())), None]
        );
    }

    #[test]
    fn marker_without_a_reason_is_an_error() {
        let error = Page::parse("page.md", "\n<!-- not run: -->\n```console\n$ a\n```\n");
        let expected = PageError::NoReason {
            path: "page.md".to_owned(),
            line: 2,
        };
        assert_eq!(error, Err(expected));
    }

    #[test]
    fn indented_block_is_a_block_without_a_language() {
        let page = parse("Text.\n\n    $ true\n");
        let languages: Vec<_> = page.blocks.iter().map(|block| &block.language).collect();
        assert_eq!(languages, [""]);
    }
}
