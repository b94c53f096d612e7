/** Bytes that are not what this package writes. Says nothing of their content. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(
    readonly code: 'mask-invalid' | 'base64-invalid' | 'stream-truncated' | 'stream-corrupt',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
