const SPLIT = /[^\p{L}\p{N}]+/u;

/** The words of a text as search counts them: runs of letters and digits, in lower case. */
export const wordsOf = (text: string): string[] => text.toLowerCase().split(SPLIT).filter(Boolean);
