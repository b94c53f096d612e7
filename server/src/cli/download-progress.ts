import { SingleBar } from 'cli-progress';

/** 156040129 -> `156.0 MB` (decimal, as disks and browsers count). */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export interface DownloadProgress {
  readonly update: (received: number, total: number | undefined) => void;
  readonly stop: () => void;
}

/** A bar on a terminal; elsewhere a line for each tenth of the file (or each 16 MB where its size is not known). */
export function downloadProgress(stream: NodeJS.WritableStream, name: string): DownloadProgress {
  return 'isTTY' in stream && stream.isTTY === true ? bar(stream, name) : lines(stream, name);
}

function bar(stream: NodeJS.WritableStream, name: string): DownloadProgress {
  let shown: SingleBar | undefined;
  return {
    update(received, total) {
      if (!shown) {
        shown = new SingleBar({
          stream,
          format: `${name} [{bar}] {percentage} % {received} of {size}, {eta_formatted} left`,
          hideCursor: true,
        });
        shown.start(total ?? 0, received, { received: '', size: '' });
      }
      if (total !== undefined) shown.setTotal(total);
      const size = total === undefined ? 'unknown' : megabytes(total);
      shown.update(received, { received: megabytes(received), size });
    },
    stop: () => shown?.stop(),
  };
}

function lines(stream: NodeJS.WritableStream, name: string): DownloadProgress {
  let last = -1;
  return {
    update(received, total) {
      const step = Math.floor(total ? (10 * received) / total : received / 16e6);
      if (step === last) return;
      last = step;
      stream.write(`${name}: ${megabytes(received)}${total === undefined ? '' : ` of ${megabytes(total)}`}\n`);
    },
    stop: () => undefined,
  };
}
