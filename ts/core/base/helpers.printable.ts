/** Characters that would control the reader's terminal, change the direction of text, or begin a new line. */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** Makes text from outside safe to print: removes what would control the terminal or begin a new line. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, '\ufffd');
