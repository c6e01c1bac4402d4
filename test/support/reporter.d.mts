import type { Transform } from 'node:stream';

declare const Reporter: new () => Transform;
export default Reporter;
