// The messages of /api/v1, as docs/integrators/api.md gives them. Power in kW, shares 0 to 1, ages in house seconds.

export type Quality = "good" | "stale" | "bad";

export interface Figure {
  value: number | null;
  quality: Quality | null;
  age_s: number | null;
}

export interface HouseTime {
  utc: string;
  zone: string;
  mode: string;
  speed: number | null;
}

export interface Power {
  house_kw: Figure;
  pv_kw: Figure | null;
  battery_kw: Figure | null;
  grid_kw: Figure;
}

export interface Storage {
  device: string;
  soc: Figure;
  capacity_kwh: number | null;
}

export interface Actuator {
  device: string;
  held: boolean;
  owner: string;
  regime: string;
  native: boolean;
  set_kw: number | null;
  read_back_kw: number | null;
  measured_kw: Figure;
  state: "settling" | "confirmed" | "overridden" | "ignored";
  reason: string;
  reason_text: string;
  expires_in_s: number;
  writes_today: number;
  writes_left: number | null;
}

export interface Device {
  name: string;
  roles: string[];
  maker: string;
  model: string;
  serial: string;
  version: string;
  protocol: string;
  address: string;
  status: "attached" | "lost" | "removed";
  quality: Quality | null;
  age_s: number | null;
  actuator: boolean;
  detail: string;
}

export interface Reading {
  variable: string;
  part: string;
  value: number | string | boolean | null;
  unit: string;
  kind: string;
  quality: Quality;
  age_s: number;
}

export interface DeviceReadings {
  device: Device;
  readings: Reading[];
}

export interface Alarm {
  place: string;
  id: string;
  severity: "info" | "warning" | "alarm";
  text: string;
  mend: string;
  since_utc: string;
}

export interface Envelope {
  min_kw: number | null;
  max_kw: number | null;
  max_a_per_phase: number | null;
  min_source: string | null;
  max_source: string | null;
  limits: { source: string; min_kw: number | null; max_kw: number | null; max_a_per_phase: number | null; text: string }[];
}

export interface State {
  unit: string;
  version: string;
  time: HouseTime;
  looking: boolean;
  hands_off: boolean;
  power: Power;
  storages: Storage[];
  actuators: Actuator[];
  devices: Device[];
  alarms: Alarm[];
  envelope: Envelope | null;
  healthy: boolean;
  unwell: string[];
}

export type Column = (number | null)[];

export interface EnergyHistory {
  start_utc: string;
  step_s: number;
  house_kw: Column;
  pv_kw: Column;
  battery_kw: Column;
  grid_kw: Column;
  soc: Column;
}

export interface Answer {
  outcome: "done" | "refused" | "partly";
  text: string;
  refusal: string | null;
}
