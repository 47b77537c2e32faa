.PHONY: help build test check soak faults format bench bench-cluster run image coverage clean ci

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build target/peqlite.jar without tests
	mvn -q -DskipTests package

test: ## Run the quick tests
	mvn -q test

check: ## Run everything: tests, process tests, formatting
	mvn -B verify

soak: ## Run everything for longer: more kills, more random journals, more nonsense
	mvn --batch-mode verify -Dpeqlite.kills=100 -Dpeqlite.long=true \
	  -Dpeqlite.determinism.requests=20000 -Dpeqlite.flips=100 -Dpeqlite.fuzz.seconds=300

faults: ## Run every fault once (RUNS=10 for ten times each, JOURNAL=quorum)
	mvn --batch-mode verify -Dtest=ArchitectureTest -Dpeqlite.excluded=none \
	  -Dit.test='process.*Cluster*IT,*Outage*IT,Partition*IT,Rolling*IT,LostDisk*IT,Clock*IT,Formation*IT,LargeRequest*IT,JournalLength*IT,MessageLoss*IT,Diverged*IT,Kubernetes*IT,QuorumFaults*IT,KillInTheMiddle*IT,KillingRequest*IT,SnapshotKill*IT,Load*IT,DamagedJournal*IT,DiskFull*IT,BenchCluster*IT' \
	  -Dpeqlite.faults.journal=$(or $(JOURNAL),postgres) \
	  -Dpeqlite.runs=$(or $(RUNS),1)

format: ## Format all Java code
	mvn -q spotless:apply

bench: ## Measure this machine
	bin/peqlite bench

bench-cluster: ## Measure three nodes beside one on this machine, with a PostgreSQL of their own
	bin/peqlite-cluster --bench

run: ## Run a node with the defaults
	bin/peqlite serve

image: build ## Make target/peqlite-image.tar, a container image
	bin/peqlite-image

coverage: ## Write target/site/jacoco/index.html
	mvn -q -P coverage verify

clean: ## Remove everything that was built
	mvn -q clean

ci: ## Run what the continuous integration runs
	.ci/run
