//! Dates and times in the accepted forms of graphql-and-sql 1.8.
//!
//! Everything is parsed and range-checked here, then handed to Postgres in its plain ISO form.

use super::Misfit;

/// A parsed text; parts that were not written are absent.
struct Temporal<'t> {
    date: Option<&'t str>,
    time: Option<&'t str>,
    offset: Option<Offset<'t>>,
}

enum Offset<'t> {
    Utc,
    Hours(&'t str),
}

/// RFC 3339, or without offset: then UTC.
pub(crate) fn instant(text: &str) -> Result<String, Misfit> {
    let parsed = Temporal::parse(text)?;
    let (Some(date), Some(time)) = (parsed.date, parsed.time) else { return Err(Misfit) };
    let offset = match parsed.offset {
        None | Some(Offset::Utc) => "+00:00",
        Some(Offset::Hours(offset)) => offset,
    };
    Ok([date, "T", time, offset].concat())
}

/// RFC 3339 (the offset is dropped), or without offset.
pub(crate) fn local_date_time(text: &str) -> Result<String, Misfit> {
    let parsed = Temporal::parse(text)?;
    match (parsed.date, parsed.time) {
        (Some(date), Some(time)) => Ok([date, "T", time].concat()),
        _ => Err(Misfit),
    }
}

/// The date part of a date-time, or a date.
pub(crate) fn local_date(text: &str) -> Result<String, Misfit> {
    match Temporal::parse(text)?.date {
        Some(date) => Ok(date.to_owned()),
        None => Err(Misfit),
    }
}

/// The time part of a date-time, or a time.
pub(crate) fn local_time(text: &str) -> Result<String, Misfit> {
    let parsed = Temporal::parse(text)?;
    match (parsed.date, parsed.time, parsed.offset) {
        (Some(_), Some(time), _) | (None, Some(time), None) => Ok(time.to_owned()),
        _ => Err(Misfit),
    }
}

/// A text by which two values of one temporal type compare like the values themselves: decimal seconds for an
/// instant, padded ISO text otherwise.
pub(crate) enum Comparable {
    /// Seconds since 1970, with fraction.
    Seconds(String),
    /// ISO text of full length.
    Text(String),
}

/// The comparable form of an instant.
pub(crate) fn comparable_instant(text: &str) -> Result<Comparable, Misfit> {
    let iso = instant(text)?;
    let parsed = Temporal::parse(&iso)?;
    let (Some(date), Some(time), Some(offset)) = (parsed.date, parsed.time, parsed.offset) else {
        return Err(Misfit);
    };
    let number = |text: &str| text.parse::<i64>().map_err(|_| Misfit);
    let days = days_since_epoch(number(&date[..4])?, number(&date[5..7])?, number(&date[8..10])?);
    let seconds = if time.len() > 5 { number(&time[6..8])? } else { 0 };
    let mut total = days * 86_400 + number(&time[..2])? * 3_600 + number(&time[3..5])? * 60 + seconds;
    if let Offset::Hours(offset) = offset {
        let shift = number(&offset[1..3])? * 3_600 + number(&offset[4..6])? * 60;
        total -= if offset.starts_with('-') { -shift } else { shift };
    }
    // The fraction counts upwards even before 1970: shift the origin so that the number is never negative.
    let shifted = (total + 100_000_000_000).to_string();
    Ok(Comparable::Seconds(match time.find('.') {
        Some(point) => [&shifted, &time[point..]].concat(),
        None => shifted,
    }))
}

/// The comparable form of a local date, time or date-time as printed by this module.
pub(crate) fn comparable_local(iso: &str) -> Comparable {
    // `HH:MM` may leave out the seconds; trailing zeros of a fraction mean nothing.
    let mut text = iso.to_owned();
    let time = text.rfind('T').map_or(0, |at| at + 1);
    if text.len() - time == 5 && text.as_bytes()[time + 2] == b':' {
        text.push_str(":00");
    }
    if text.contains('.') {
        let trimmed = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(trimmed);
    }
    Comparable::Text(text)
}

/// Days between 1970-01-01 and a date of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Years starting in March, so that the leap day is the last one; eras of 400 years.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl<'t> Temporal<'t> {
    fn parse(text: &'t str) -> Result<Self, Misfit> {
        if !text.is_ascii() {
            return Err(Misfit);
        }
        let Some((date, rest)) = Self::date(text) else {
            let time = Self::time(text).filter(|(_, rest)| rest.is_empty()).ok_or(Misfit)?;
            return Ok(Self { date: None, time: Some(time.0), offset: None });
        };
        if rest.is_empty() {
            return Ok(Self { date: Some(date), time: None, offset: None });
        }
        let rest = rest.strip_prefix(['T', 't', ' ']).ok_or(Misfit)?;
        let (time, rest) = Self::time(rest).ok_or(Misfit)?;
        let offset = match rest {
            "" => None,
            "Z" | "z" => Some(Offset::Utc),
            other => Some(Offset::Hours(Self::offset(other).ok_or(Misfit)?)),
        };
        Ok(Self { date: Some(date), time: Some(time), offset })
    }

    fn date(text: &'t str) -> Option<(&'t str, &'t str)> {
        let year = digits(text, 0, 4)?;
        let month = digits(text, 5, 2)?;
        let day = digits(text, 8, 2)?;
        if text.as_bytes()[4] != b'-' || text.as_bytes()[7] != b'-' || year == 0 {
            return None;
        }
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return None;
        }
        Some((&text[..10], &text[10..]))
    }

    /// `HH:MM[:SS[.fraction]]`
    fn time(text: &'t str) -> Option<(&'t str, &'t str)> {
        let (hour, minute) = (digits(text, 0, 2)?, digits(text, 3, 2)?);
        if text.as_bytes()[2] != b':' || hour > 23 || minute > 59 {
            return None;
        }
        let mut end = 5;
        if text.as_bytes().get(5) == Some(&b':') {
            if digits(text, 6, 2)? > 60 {
                return None;
            }
            end = 8;
            if text.as_bytes().get(8) == Some(&b'.') {
                let fraction = text.as_bytes()[9..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                if fraction == 0 {
                    return None;
                }
                end = 9 + fraction;
            }
        }
        Some((&text[..end], &text[end..]))
    }

    /// `±HH:MM`
    fn offset(text: &'t str) -> Option<&'t str> {
        let (hours, minutes) = (digits(text, 1, 2)?, digits(text, 4, 2)?);
        let shape =
            matches!(text.as_bytes()[0], b'+' | b'-') && text.as_bytes()[3] == b':' && text.len() == 6;
        (shape && hours <= 23 && minutes <= 59).then_some(text)
    }
}

/// The number in `length` digits at `start`.
fn digits(text: &str, start: usize, length: usize) -> Option<u32> {
    let part = text.get(start..start + length)?;
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}
