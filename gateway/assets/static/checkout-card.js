"use strict";

/* Cards while they are typed: network, grouping, and what is wrong with a field. The server checks it all again. */
const card = (() => {
  /* The tables of gateway/cards.py; the longest prefix wins. A test compares the two. */
  const PREFIXES = {
    visa: "4",
    mastercard: "51-55 2221-2720",
    amex: "34 37",
    rupay: "508 60 6521-6530 653100-653149 8172-8199 82",
    discover: "6011 644-649 65",
    diners: "300-305 3095 36 38-39",
    jcb: "3528-3589",
    unionpay: "62 81",
    maestro: "50 56-58 6",
  };
  const LENGTHS = {
    visa: [13, 16, 19], mastercard: [16], amex: [15], rupay: [16],
    discover: [16, 19], diners: [14, 19], jcb: [16, 19], unionpay: [16, 19],
  };
  const EXACT = new Set(["visa", "mastercard", "amex", "rupay"]);
  const ANY_LENGTH = [12, 19];
  const GROUPS = { amex: [4, 6, 5], diners: [4, 6, 4] };
  const YEARS_AHEAD_MAX = 50;

  const digitsOf = (text) => text.replace(/\D/g, "");
  const cvvLength = (name) => (name === "amex" ? 4 : 3);

  function network(digits) {
    let best = ["unknown", 0];
    for (const [name, ranges] of Object.entries(PREFIXES)) {
      for (const range of ranges.split(" ")) {
        const [first, last = first] = range.split("-");
        const start = Number(digits.slice(0, first.length));
        const matches = digits.length >= first.length && start >= Number(first) && start <= Number(last);
        if (matches && first.length > best[1]) best = [name, first.length];
      }
    }
    return best[0];
  }

  function hasGoodLength(digits) {
    const name = network(digits);
    const lengths = LENGTHS[name] || ANY_LENGTH;
    if (EXACT.has(name)) return lengths.includes(digits.length);
    return digits.length >= lengths[0] && digits.length <= lengths[1];
  }

  function luhn(digits) {
    const sum = [...digits].reverse().reduce((total, digit, place) => {
      const value = Number(digit) * (place % 2 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return sum % 10 === 0;
  }

  function grouped(digits) {
    const sizes = digits.length > 14 && network(digits) === "diners" ? [4] : GROUPS[network(digits)] || [4];
    const parts = [];
    for (let place = 0, group = 0; place < digits.length; group += 1) {
      const size = sizes[Math.min(group, sizes.length - 1)];
      parts.push(digits.slice(place, place + size));
      place += size;
    }
    return parts.join(" ");
  }

  /* `MM/YY` out of what people and browsers write: 1228, 1/28, 12/2028, 2028-12. */
  function expiry(text) {
    const parts = /^\s*(\d{1,2})\s*[\/\-. ]?\s*(\d{4}|\d{2})\s*$/.exec(text) || [];
    const reversed = /^\s*(\d{4})-(\d{1,2})\s*$/.exec(text);
    const [month, year] = reversed ? [reversed[2], reversed[1]] : [parts[1], parts[2]];
    if (!month) return null;
    return { month: Number(month), year: Number(year) + (year.length === 2 ? 2000 : 0) };
  }

  function typedExpiry(text, deleting) {
    if (expiry(text) && /[\/\-]/.test(text)) {
      const { month, year } = expiry(text);
      return `${String(month).padStart(2, "0")}/${String(year % 100).padStart(2, "0")}`;
    }
    let digits = digitsOf(text).slice(0, 4);
    if (/^[2-9]/.test(digits) || /^\d\//.test(text)) digits = `0${digits}`.slice(0, 4);
    if (digits.length > 2 || (digits.length === 2 && !deleting)) return `${digits.slice(0, 2)}/${digits.slice(2)}`;
    return digits;
  }

  /* Rewrites a field while it is typed in, with the caret behind the digit it stood behind. */
  function keepCaret(input, text) {
    const before = digitsOf(input.value.slice(0, input.selectionStart)).length;
    const atEnd = input.selectionStart === input.value.length;
    input.value = text;
    if (document.activeElement !== input) return;
    let place = 0;
    for (let seen = 0; place < text.length && seen < before; place += 1) if (/\d/.test(text[place])) seen += 1;
    const caret = atEnd ? text.length : place;
    input.setSelectionRange(caret, caret);
  }

  function expiryProblem(text, today) {
    const given = expiry(text);
    if (!text.trim()) return "expiryMissing";
    if (!given || given.month < 1 || given.month > 12) return "expiryWrong";
    const months = (given.year - today.getFullYear()) * 12 + given.month - 1 - today.getMonth();
    return months < 0 ? "expired" : months > YEARS_AHEAD_MAX * 12 ? "expiryWrong" : null;
  }

  function numberProblem(text) {
    const digits = digitsOf(text);
    if (!digits) return "numberMissing";
    return hasGoodLength(digits) && luhn(digits) ? null : "numberWrong";
  }

  function cvvProblem(text, name) {
    if (!text) return "cvvMissing";
    if (text.length === cvvLength(name) && /^\d+$/.test(text)) return null;
    return name === "amex" ? "cvvWrongAmex" : "cvvWrong";
  }

  /* The problem of every field by its name, null where there is none. */
  function problems({ number, expiry: date, cvv, name }, today = new Date()) {
    return {
      number: numberProblem(number),
      expiry: expiryProblem(date, today),
      cvv: cvvProblem(cvv, network(digitsOf(number))),
      name: name.trim() ? null : "nameMissing",
    };
  }

  return { network, grouped, digitsOf, typedExpiry, expiry, keepCaret, cvvLength, cvvProblem, problems };
})();
