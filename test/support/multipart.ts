export interface IPart {
  name: string;
  value: string | Uint8Array;
  filename?: string;
  contentType?: string;
}

const BOUNDARY = 'a-boundary-of-the-tests';

const headOf = (name: string, filename?: string, contentType?: string): Buffer => {
  const file = filename === undefined ? '' : `; filename="${filename}"`;
  const type = contentType === undefined ? (filename === undefined ? '' : 'application/octet-stream') : contentType;
  const typeLine = type === '' ? '' : `Content-Type: ${type}\r\n`;
  return Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${typeLine}\r\n`);
};

/** A multipart form as package tools write it; `head` and `tail` for bodies that a test makes as it goes. */
export const multipart = (parts: IPart[]) => {
  const tail = Buffer.from(`--${BOUNDARY}--\r\n`);
  const pieces = parts.flatMap(({ name, value, filename, contentType }) => [
    headOf(name, filename, contentType),
    Buffer.from(value as string),
    Buffer.from('\r\n'),
  ]);
  return {
    bytes: Buffer.concat([...pieces, tail]),
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
    head: (name: string, filename: string): Buffer => Buffer.concat([Buffer.from('\r\n'), headOf(name, filename)]),
    tail: Buffer.concat([Buffer.from('\r\n'), tail]),
  };
};
