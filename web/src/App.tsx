import { Angles } from "./components/Angles";
import { History } from "./components/History";
import { Notice } from "./components/Notice";
import { Stage } from "./components/Stage";
import { StatusLine } from "./components/StatusLine";
import { useCoach } from "./hooks/useCoach";

export function App() {
  const coach = useCoach();
  const { current, uploading, failure } = coach;
  const showAngles = current !== null && uploading === null;

  return (
    <>
      <header>
        <h1>
          <img src="/favicon.svg" alt="" width="32" height="32" /> Snowboard Coach
        </h1>
        <StatusLine />
      </header>
      <main>
        {failure !== null && <Notice failure={failure} onDismiss={coach.dismiss} />}
        <div className={showAngles ? "columns" : undefined}>
          <Stage
            analysis={current}
            uploading={uploading}
            onPhoto={(photo) => void coach.upload(photo)}
            onReject={coach.reject}
          />
          {showAngles && <Angles angles={current.angles} />}
        </div>
        <History
          entries={coach.history}
          currentId={current?.id}
          loading={coach.loading}
          hasMore={coach.hasMore}
          onOpen={(id) => void coach.open(id)}
          onRemove={(id) => void coach.remove(id)}
          onMore={() => void coach.loadMore()}
        />
      </main>
    </>
  );
}
