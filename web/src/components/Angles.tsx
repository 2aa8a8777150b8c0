import { groupAngles } from "../angles";

/** Joint angles, left beside right, because the difference is what a coach looks for. */
export function Angles({ angles }: { angles: Record<string, number | null> }) {
  const joints = groupAngles(angles);
  return (
    <section className="card angles" aria-labelledby="angles-title">
      <h2 id="angles-title">Joint angles</h2>
      {joints.length === 0 ? (
        <p className="muted">No joint was visible enough to measure.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Joint</th>
              <th scope="col">Left</th>
              <th scope="col">Right</th>
            </tr>
          </thead>
          <tbody>
            {joints.map(({ name, left, right, middle }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {middle === undefined ? (
                  <>
                    <td>{left !== undefined && <Gauge degrees={left} side="left" />}</td>
                    <td>{right !== undefined && <Gauge degrees={right} side="right" />}</td>
                  </>
                ) : (
                  <td colSpan={2}>
                    <Gauge degrees={middle} side="middle" />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Half a circle is a straight limb: 180 degrees fill the arc. */
function Gauge({ degrees, side }: { degrees: number; side: string }) {
  const share = Math.min(Math.max(degrees / 180, 0), 1);
  const arc = "M4 22a18 18 0 0 1 36 0";
  return (
    <span className="gauge">
      <svg viewBox="0 0 44 25" aria-hidden="true">
        <path d={arc} />
        <path className={side} d={arc} pathLength={100} strokeDasharray={`${share * 100} 200`} />
      </svg>
      {Math.round(degrees)}°
    </span>
  );
}
