export interface IHttpOptions {
  abortSignal: AbortSignal;
  /** ms from sending to the first byte of the answer, for each try */
  requestTimeout: number;
}
