/** What would command the terminal of a reader, turn text around, or begin a line. */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** Text that others chose, without what would command the reader's terminal or begin a line of its own. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd');
