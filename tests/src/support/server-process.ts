/** The real `medsam2 serve` as a process of its own, with folders of its own, on a free port. */
export { startServerProcess, type ServerProcess, type ServerProcessOptions } from '@medsam2/demo';
