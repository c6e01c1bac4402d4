export interface IReadmeBlock {
  language: string;
  /** the word after the language: `ts express` */
  name: string;
  code: string;
  line: number;
}

/** The fenced code blocks of a Markdown text. */
export const readmeBlocks = (markdown: string): IReadmeBlock[] => {
  const blocks: IReadmeBlock[] = [];
  const fence = /^```(\w*)(?: ([\w-]+))?\n([\s\S]*?)^```$/gm;
  for (const match of markdown.matchAll(fence)) {
    const line = markdown.slice(0, match.index).split('\n').length;
    blocks.push({ language: match[1] as string, name: match[2] ?? '', code: match[3] as string, line });
  }
  return blocks;
};
