export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where the bridge says what happened; no patient data is ever given to it. */
export interface BridgeLog {
  info(message: string, fields: LogFields): void;
  warn(message: string, fields: LogFields): void;
  /** @param error a defect, with its trace */
  error(message: string, fields: LogFields, error: unknown): void;
}
