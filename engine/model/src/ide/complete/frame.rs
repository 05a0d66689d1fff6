//! Which brackets are open at a place, and what they belong to. Looks at tokens only, so it works in text that
//! does not parse.

use crate::syntax::token::{Token, TokenKind};

/// How many open brackets and lambdas are kept; far more than anybody writes, and what follows stays quick.
const MAX_OPEN: usize = 256;

/// An open bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame<'t> {
    /// `module Name {`
    Module,
    /// `type Name {`
    Type(&'t str),
    /// `fragment Name {`
    Fragment(&'t str),
    /// `context Name {`
    Context(&'t str),
    /// `enum Name {`
    Enum,
    /// `@name(`
    Annotation(&'t str),
    /// `query name(`, `interceptor name(`
    Params,
    /// `.name(` or a group in an expression
    Call,
    /// `{` of a map in an annotation
    Object,
    /// `[` of a projection
    List,
    /// `Set<`
    TypeArgument,
}

/// A lambda whose body is open, as indices of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lambda {
    /// Its parameter.
    pub(super) parameter: usize,
    /// The bracket of the call it is the argument of.
    pub(super) call: usize,
}

/// What is open at the end of `tokens` (which end before the place in question).
#[derive(Debug, Default)]
pub(super) struct Frames<'t> {
    /// Outermost first, with the index of the opening token.
    pub(super) open: Vec<(Frame<'t>, usize)>,
    /// Open lambdas, outermost first.
    pub(super) lambdas: Vec<Lambda>,
}

impl<'t> Frames<'t> {
    pub(super) fn read(text: &'t str, tokens: &[Token]) -> Self {
        let word = |index: Option<usize>| -> &'t str {
            let token = index.and_then(|index| tokens.get(index));
            let token = token.filter(|token| token.kind == TokenKind::Ident);
            token.and_then(|token| text.get(token.start as usize..token.end as usize)).unwrap_or_default()
        };
        let kind = |index: Option<usize>| index.and_then(|index| tokens.get(index)).map(|token| token.kind);
        let mut frames = Self::default();
        for (index, token) in tokens.iter().enumerate() {
            let (one, two) = (index.checked_sub(1), index.checked_sub(2));
            match token.kind {
                TokenKind::LBrace => {
                    let name = word(one);
                    let frame = match word(two) {
                        "module" if !name.is_empty() => Frame::Module,
                        "type" if !name.is_empty() => Frame::Type(name),
                        "fragment" if !name.is_empty() => Frame::Fragment(name),
                        "context" if !name.is_empty() => Frame::Context(name),
                        "enum" if !name.is_empty() => Frame::Enum,
                        _ => Frame::Object,
                    };
                    // A declaration inside something that cannot hold it: that was not closed.
                    match frame {
                        Frame::Module | Frame::Context(_) => frames.close_until(|_| false),
                        Frame::Type(_) | Frame::Fragment(_) | Frame::Enum => {
                            frames.close_until(|open| *open == Frame::Module);
                        }
                        _ => {}
                    }
                    frames.push(frame, index);
                }
                TokenKind::LParen => {
                    let frame = match (kind(two), word(two)) {
                        (Some(TokenKind::At), _) => Frame::Annotation(word(one)),
                        (_, "query" | "mutation" | "interceptor") if !word(one).is_empty() => Frame::Params,
                        _ => Frame::Call,
                    };
                    frames.push(frame, index);
                }
                TokenKind::LBracket => frames.push(Frame::List, index),
                TokenKind::Lt if !frames.in_expression() => frames.push(Frame::TypeArgument, index),
                TokenKind::Gt if matches!(frames.open.last(), Some((Frame::TypeArgument, _))) => {
                    frames.open.pop();
                }
                TokenKind::RBrace => {
                    // Closes bodies, whatever smaller is still open.
                    while let Some((frame, _)) = frames.open.pop() {
                        let body = !matches!(
                            frame,
                            Frame::Annotation(_)
                                | Frame::Params
                                | Frame::Call
                                | Frame::List
                                | Frame::TypeArgument
                        );
                        if body {
                            break;
                        }
                    }
                }
                TokenKind::RParen => {
                    frames.close_small(|frame| {
                        matches!(frame, Frame::Annotation(_) | Frame::Params | Frame::Call)
                    });
                }
                TokenKind::RBracket => frames.close_small(|frame| *frame == Frame::List),
                TokenKind::At => {
                    // An annotation cannot stand in the parameters of another: those were not closed.
                    while matches!(
                        frames.open.last(),
                        Some((Frame::Annotation(_) | Frame::Call | Frame::TypeArgument, _))
                    ) {
                        frames.open.pop();
                    }
                }
                TokenKind::Arrow => {
                    let parameter = if kind(one) == Some(TokenKind::RParen) { two } else { one };
                    if let (Some(parameter), Some((Frame::Call, call))) = (parameter, frames.open.last())
                        && !word(Some(parameter)).is_empty()
                        && frames.lambdas.len() < MAX_OPEN
                    {
                        frames.lambdas.push(Lambda { parameter, call: *call });
                    }
                }
                _ => {}
            }
        }
        let open = &frames.open;
        frames.lambdas.retain(|lambda| open.iter().any(|(_, index)| *index == lambda.call));
        frames
    }

    /// Whether the place is inside the parameters of an annotation.
    pub(super) fn in_expression(&self) -> bool {
        self.open.iter().any(|(frame, _)| matches!(frame, Frame::Annotation(_)))
    }

    /// The enclosing type, fragment or context.
    pub(super) fn body(&self) -> Option<&Frame<'t>> {
        self.open.iter().rev().map(|(frame, _)| frame).find(|frame| {
            matches!(
                frame,
                Frame::Module | Frame::Type(_) | Frame::Fragment(_) | Frame::Context(_) | Frame::Enum
            )
        })
    }

    fn push(&mut self, frame: Frame<'t>, index: usize) {
        if self.open.len() < MAX_OPEN {
            self.open.push((frame, index));
        }
    }

    fn close_until(&mut self, keep: impl Fn(&Frame<'t>) -> bool) {
        while self.open.last().is_some_and(|(frame, _)| !keep(frame)) {
            self.open.pop();
        }
    }

    /// Closes the innermost bracket of a kind, unless a body is in between.
    fn close_small(&mut self, wanted: impl Fn(&Frame<'t>) -> bool) {
        for at in (0..self.open.len()).rev() {
            let frame = &self.open[at].0;
            if wanted(frame) {
                self.open.truncate(at);
                return;
            }
            if !matches!(frame, Frame::TypeArgument | Frame::List | Frame::Object | Frame::Call) {
                return;
            }
        }
    }
}
