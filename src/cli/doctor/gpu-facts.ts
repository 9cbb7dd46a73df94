/** What `sluice doctor` learns of the GPUs: plain JSON, as its probing child tells it and `--json` shows it. */

/** Something that was tried: undefined when it works, else what went wrong, in words. */
export type Problem = string | undefined;

export interface DeviceFacts {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  readonly computeCapability: readonly [major: number, minor: number];
  readonly memoryBytes: number;
  readonly pciBusId: string;
  /** What the driver says; left out where it is too old to know. */
  readonly virtualMemory?: boolean;
  readonly posixDescriptors?: boolean;
  readonly multiProcessService?: boolean;
  /** Whether its memory can be shared between processes, tried. */
  readonly sharedMemoryProblem?: string;
  /** Whether its streams wait for words of host memory and store them, tried. */
  readonly streamOperationsProblem?: string;
  /** What its video decoder decodes; left out when there is none. */
  readonly decoders?: readonly string[];
}

/** Whether kernels of one GPU read the memory of another. */
export interface PeerFacts {
  readonly reader: number;
  readonly owner: number;
  readonly access: boolean;
}

/** Whether the driver pins more host memory than RLIMIT_MEMLOCK allows, tried. */
export interface PinningFacts {
  readonly limitBytes: number;
  readonly triedBytes: number;
  readonly problem?: string;
}

/** Why CUDA cannot be used. */
export interface CudaProblem {
  readonly message: string;
  readonly remedy: string;
  /** Names of libraries that were tried, each with what came of it. */
  readonly attempts: readonly string[];
  /** Nothing is wrong: there is no GPU, or no driver. */
  readonly isAbsence: boolean;
}

export interface GpuFacts {
  /** File of the driver's library. */
  readonly library?: string;
  /** Version of the kernel driver, such as '580.65.06'. */
  readonly driver?: string;
  /** The newest CUDA that the driver knows, such as '13.0'. */
  readonly cuda?: string;
  /** Version of the run-time compiler; left out when there is none. */
  readonly nvrtc?: string;
  readonly devices: readonly DeviceFacts[];
  readonly peers: readonly PeerFacts[];
  /** Left out where there is no limit to exceed, or it is too high to be tried. */
  readonly pinning?: PinningFacts;
  readonly problem?: CudaProblem;
  /** The probing was cut short by what it was doing then; what came before stands. */
  readonly stopped?: { readonly step: string; readonly how: string };
}

/** A line of the probing child, JSON: what it is about to do, or what it has found. */
export type ProbeLine =
  | { readonly step: string }
  | { readonly facts: Partial<GpuFacts> }
  | { readonly device: DeviceFacts }
  /** The step failed in a way that ends the probing. */
  | { readonly failed: string }
  | { readonly done: true };
